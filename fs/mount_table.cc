#include "fs/mount_table.h"

#include <charconv>
#include <fstream>
#include <sstream>

namespace betonfs {
namespace {

// The kernel writes space, tab, newline and backslash as three octal digits.
std::string Unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(digits, digits + 3, value, 8).ptr == digits + 3) {
      out += static_cast<char>(value);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "36 35 98:0 /root /mnt rw,noatime shared:1 - ext3 /dev/root rw"
std::optional<MountEntry> ParseLine(const std::string& line) {
  std::istringstream words(line);
  std::string id, parent, device, root, mountpoint, options, word;
  if (!(words >> id >> parent >> device >> root >> mountpoint >> options)) return std::nullopt;
  while (words >> word && word != "-") {
  }
  MountEntry entry;
  std::string source;
  if (!(words >> entry.type >> source)) return std::nullopt;
  const size_t colon = device.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const char* end = device.data() + device.size();
  std::from_chars(device.data(), device.data() + colon, entry.device_major);
  std::from_chars(device.data() + colon + 1, end, entry.device_minor);
  entry.mountpoint = Unescaped(mountpoint);
  entry.source = Unescaped(source);
  return entry;
}

}  // namespace

std::vector<MountEntry> ParseMountInfo(std::string_view text) {
  std::vector<MountEntry> entries;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (auto entry = ParseLine(line)) entries.push_back(std::move(*entry));
  }
  return entries;
}

Result<std::optional<MountEntry>> FindMount(const std::string& path) {
  std::ifstream file("/proc/self/mountinfo");
  if (!file) return FailErrno("/proc/self/mountinfo", errno);
  std::ostringstream text;
  text << file.rdbuf();
  std::optional<MountEntry> found;
  for (MountEntry& entry : ParseMountInfo(text.str())) {
    if (entry.mountpoint == path) found = std::move(entry);
  }
  return found;
}

}  // namespace betonfs
