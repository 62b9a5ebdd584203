// The text behind -o, from its commas to a mount.
#include <cstdlib>

#include "tools/mount_options.h"
#include "tools/read_mount_options.h"

namespace {

using namespace betonfs;

std::string Escaped(const std::string& text, bool is_name) {
  std::string out;
  for (const char c : text) {
    if (c == ',' || c == '\\' || (is_name && c == '=')) out += '\\';
    out += c;
  }
  return out;
}

// What was split says the same when it is put together again.
void FuzzSplit(std::string_view text) {
  std::string joined;
  const auto options = SplitMountOptions(text);
  for (const NamedOption& option : options) {
    joined += Escaped(option.name, true);
    if (option.value) joined += "=" + Escaped(*option.value, false);
    joined += ",";
  }
  const auto again = SplitMountOptions(joined);
  if (again.size() != options.size()) abort();
  for (size_t i = 0; i < options.size(); ++i) {
    if (again[i].name != options[i].name || again[i].value != options[i].value) abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  FuzzSplit(text);
  MountCommandLine line;
  line.sources = {"/none.beton"};
  line.mountpoint = "/none";
  line.option_texts = {text};
  for (const NamedOption& option : SplitMountOptions(text)) {
    if (option.name == "classes") return 0;  // would read whatever file the input names
  }
  const auto mount = ResolveMount(line);
  if (!mount && mount.error().message.empty()) abort();
  return 0;
}
