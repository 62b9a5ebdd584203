#include "tests/support/paths.h"

#include <cstdlib>
#include <filesystem>

namespace betonfs::test {

std::string SourceDir() { return BETONFS_SOURCE_DIR; }
std::string Program() { return BETONFS_PROGRAM; }

std::optional<std::string> FixturesDir() {
  const char* named = std::getenv("BETONFS_FIXTURES");
  std::string dir = named ? named : SourceDir() + "/../shared/ffcv-fixtures";
  if (!std::filesystem::is_directory(dir)) return std::nullopt;
  return dir;
}

}  // namespace betonfs::test
