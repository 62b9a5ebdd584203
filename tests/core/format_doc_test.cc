// The example in core/FORMAT.md is what the writer makes, byte for byte.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "core/pack.h"
#include "tests/support/paths.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::ReadFile;
using test::TempDir;

void AppendLine(std::string& dump, std::string_view bytes, size_t offset) {
  constexpr char kDigits[] = "0123456789abcdef";
  char text[16];
  dump.append(text, static_cast<size_t>(std::snprintf(text, sizeof text, "%06zx ", offset)));
  std::string letters;
  for (size_t i = 0; i < 16; ++i) {
    if (i % 8 == 0) dump += ' ';
    if (i < bytes.size()) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      dump += {kDigits[byte >> 4], kDigits[byte & 15], ' '};
      letters += byte >= 0x20 && byte < 0x7f ? bytes[i] : '.';
    } else {
      dump += "   ";
    }
  }
  dump += " |" + letters + "|\n";
}

// As `hexdump -C` does it: a line like the one before becomes one '*'.
std::string HexDump(std::string_view file) {
  std::string dump;
  bool starred = false;
  for (size_t at = 0; at < file.size(); at += 16) {
    const std::string_view line = file.substr(at, 16);
    const bool is_last = at + 16 >= file.size();
    if (at > 0 && line == file.substr(at - 16, 16) && !is_last) {
      if (!starred) dump += "*\n";
      starred = true;
      continue;
    }
    starred = false;
    AppendLine(dump, line, at);
  }
  return dump;
}

void SetModeAndTime(const std::string& path, mode_t mode) {
  ASSERT_EQ(chmod(path.c_str(), mode), 0);
  const timespec times[2] = {{0, 0}, {1'000'000'000, 5}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

TEST(FormatDoc, TheHexDumpIsWhatPackWrites) {
  const TempDir dir;
  dir.Write("pets/cat/a.txt", "meow");
  dir.Write("pets/cat/b", "");
  dir.Write("pets/dog/c.txt", "woof!");
  for (const char* file : {"pets/cat/a.txt", "pets/cat/b", "pets/dog/c.txt"}) {
    SetModeAndTime(dir / file, 0644);
  }
  for (const char* directory : {"pets/cat", "pets/dog", "pets"}) {
    SetModeAndTime(dir / directory, 0755);
  }
  const auto report = Pack(dir / "pets", dir / "pets.beton", {});
  ASSERT_TRUE(report) << report.error().message;
  const std::string dump = HexDump(ReadFile(dir / "pets.beton"));

  const std::string doc = ReadFile(test::SourceDir() + "/core/FORMAT.md");
  const std::string fence = "```hexdump\n";
  const size_t start = doc.find(fence);
  ASSERT_NE(start, std::string::npos);
  const size_t end = doc.find("```", start + fence.size());
  EXPECT_EQ(doc.substr(start + fence.size(), end - start - fence.size()), dump);
}

}  // namespace
}  // namespace betonfs
