// Where the tests find what they need.
#pragma once

#include <optional>
#include <string>

namespace betonfs::test {

std::string SourceDir();  // the project
std::string Program();    // the betonfs that was built along with the tests

// The folder of files written by FFCV itself: $BETONFS_FIXTURES, else shared/ffcv-fixtures beside
// the project.  nullopt where there is none: a test then says GTEST_SKIP() << kNoFixtures.
std::optional<std::string> FixturesDir();
inline constexpr char kNoFixtures[] =
    "no FFCV fixtures: set BETONFS_FIXTURES to the folder that holds them";

}  // namespace betonfs::test
