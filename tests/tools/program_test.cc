// The program as a user meets it: help, version and usage errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/run_program.h"
#include "tools/exit_codes.h"

namespace betonfs::test {
namespace {

using testing::HasSubstr;

TEST(Program, TellsItsVersion) {
  const Ran ran = RunBetonfs({"--version"});
  EXPECT_EQ(ran.exit_code, kExitOk);
  EXPECT_THAT(ran.out, testing::StartsWith("betonfs "));
}

TEST(Program, HelpGoesToStdout) {
  const Ran ran = RunBetonfs({"--help"});
  EXPECT_EQ(ran.exit_code, kExitOk);
  EXPECT_THAT(ran.out, HasSubstr("Exit status"));
  EXPECT_EQ(ran.err, "");
}

TEST(Program, UsageErrorsSayWhatIsWrongAndWhereHelpIs) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"no-such-command"}, {"--no-such-option"}}) {
    const Ran ran = RunBetonfs(arguments);
    EXPECT_EQ(ran.exit_code, kExitUsage);
    EXPECT_THAT(ran.err, testing::StartsWith("betonfs: "));
    EXPECT_THAT(ran.err, HasSubstr("betonfs --help"));
    EXPECT_EQ(ran.out, "");
  }
}

TEST(Program, UsageErrorsNameWhatIsNotKnown) {
  EXPECT_THAT(RunBetonfs({"frob"}).err, HasSubstr("no command 'frob'"));
  EXPECT_THAT(RunBetonfs({"--frob"}).err, HasSubstr("no option '--frob'"));
  EXPECT_THAT(RunBetonfs({"pack", "--frob"}).err, HasSubstr("no option '--frob'"));
  EXPECT_THAT(RunBetonfs({"pack"}).err, HasSubstr("DIR is required"));
}

}  // namespace
}  // namespace betonfs::test
