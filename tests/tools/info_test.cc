#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "tests/support/run_program.h"
#include "tools/exit_codes.h"

namespace betonfs::test {
namespace {

using testing::HasSubstr;

TEST(Info, DescribesAFileWrittenByFfcv) {
  if (!FixturesDir()) GTEST_SKIP() << kNoFixtures;
  const Ran ran = RunBetonfs({"info", *FixturesDir() + "/mix_a.beton"});
  EXPECT_EQ(ran.exit_code, kExitOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("80 samples"));
  EXPECT_THAT(ran.out, HasSubstr("image: image"));
  EXPECT_THAT(ran.out, HasSubstr("written by FFCV"));
}

TEST(Info, JsonIsOneObject) {
  if (!FixturesDir()) GTEST_SKIP() << kNoFixtures;
  const Ran ran = RunBetonfs({"info", "--json", *FixturesDir() + "/rgb_raw_const.beton"});
  EXPECT_EQ(ran.exit_code, kExitOk) << ran.err;
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_GT(json["fields"][0]["raw"], 0);
}

TEST(Info, RefusesWhatIsNoDataset) {
  EXPECT_EQ(RunBetonfs({"info", "/no/such/file"}).exit_code, kExitNotFound);
  EXPECT_EQ(RunBetonfs({"info", SourceDir() + "/LICENSE"}).exit_code, kExitBadFile);
  EXPECT_EQ(RunBetonfs({"info", SourceDir()}).exit_code, kExitUsage);  // a directory
  EXPECT_EQ(RunBetonfs({"info"}).exit_code, kExitUsage);
}

TEST(Info, FailsWhereItCannotWrite) {
  if (!FixturesDir()) GTEST_SKIP() << kNoFixtures;
  const std::string command = Program() + " info " + *FixturesDir() + "/int.beton > /dev/full";
  const Ran ran = RunProgram({"sh", "-c", command});
  EXPECT_EQ(ran.exit_code, kExitNoSpace);
  EXPECT_THAT(ran.err, HasSubstr("standard output"));
}

}  // namespace
}  // namespace betonfs::test
