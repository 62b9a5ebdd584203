// The arrows of the architecture, tools -> fs -> core, asked of every #include in the sources.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/support/paths.h"

namespace betonfs::test {
namespace {

// "core/file.cc includes fuse_lowlevel.h" for each include in `folder` that matches `forbidden`.
std::vector<std::string> IncludesIn(const std::string& folder, const std::string& forbidden) {
  const std::regex include(R"re(^\s*#\s*include\s*[<"]([^>"]+)[>"])re");
  const std::regex match(forbidden);
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SourceDir() + folder)) {
    if (entry.path().extension() != ".h" && entry.path().extension() != ".cc") continue;
    std::ifstream file(entry.path());
    std::smatch parts;
    for (std::string line; std::getline(file, line);) {
      if (!std::regex_search(line, parts, include)) continue;
      const std::string header = parts[1];
      if (std::regex_search(header, match)) {
        found.push_back(entry.path().string() + " includes " + header);
      }
    }
  }
  return found;
}

TEST(Arrows, CoreKnowsNeitherFuseNorLoggingNorWhatIsAboveIt) {
  EXPECT_THAT(IncludesIn("/core", "fuse|spdlog|^CLI/|^fs/|^tools/|^tests/"), testing::IsEmpty());
}

TEST(Arrows, FsKnowsNothingOfTools) {
  EXPECT_THAT(IncludesIn("/fs", "^CLI/|^tools/|^tests/"), testing::IsEmpty());
}

TEST(Arrows, ToolsKnowNothingOfTests) {
  EXPECT_THAT(IncludesIn("/tools", "^tests/"), testing::IsEmpty());
}

TEST(Arrows, TheSearchFindsWhatIsThere) {
  EXPECT_THAT(IncludesIn("/tools", "^core/result\\.h$"), testing::Not(testing::IsEmpty()));
}

}  // namespace
}  // namespace betonfs::test
