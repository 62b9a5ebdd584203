// What the daemons' log says, and how often.
#include "fs/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>

#include "fs/inode.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

class LogTest : public testing::Test {
 protected:
  ~LogTest() override { StopLog(); }

  void Start(bool debug = false) {
    LogOptions options;
    options.target = LogTarget::kFile;
    options.file = dir_ / "log";
    options.debug = debug;
    ASSERT_TRUE(StartLog(options));
  }
  std::vector<std::string> Lines() {
    StopLog();
    std::vector<std::string> lines;
    std::ifstream file(dir_ / "log");
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  test::TempDir dir_;
};

TEST_F(LogTest, ALineHasTimeAndLevel) {
  Start();
  LogInfo("mounted file=a");
  LogWarning("careful");
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], testing::MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9:.]+ info mounted file=a"));
  EXPECT_THAT(lines[1], EndsWith(" warning careful"));
}

TEST_F(LogTest, NothingIsSaidBeforeTheStartAndErrorsAreCountedAnyhow) {
  const uint64_t before = NumErrorsLogged();
  LogError("nobody hears this");
  Start();
  LogError("but this");
  EXPECT_THAT(Lines(), ElementsAre(EndsWith(" error but this")));
  EXPECT_EQ(NumErrorsLogged(), before + 2);
}

TEST_F(LogTest, AnOldLogIsContinued) {
  dir_.Write("log", "old\n");
  Start();
  LogInfo("new");
  EXPECT_THAT(Lines(), ElementsAre("old", EndsWith("new")));
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsNamed) {
  LogOptions options;
  options.target = LogTarget::kFile;
  options.file = dir_ / "no/such/directory";
  const Status failed = StartLog(options);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(failed.error().message, HasSubstr("no/such/directory"));
}

// Inode numbers that no other test fails on: what was told is remembered per process.
TEST_F(LogTest, AFailedReadNamesTheSampleOnceHoweverOftenItIsAskedFor) {
  Start();
  const uint64_t ino = Ino::File(SampleIndex{4711}, 0).value();
  for (int i = 0; i < 1000; ++i) LogFailedRequest({"read", ino, EIO, 4096, 100}, "bad block");
  EXPECT_THAT(Lines(),
              ElementsAre(testing::AllOf(HasSubstr(" error op=read "),
                                         HasSubstr(" sample=4711 offset=4096 size=100 errno=5 "),
                                         EndsWith("cause=\"bad block\""))));
}

TEST_F(LogTest, WhatAUserMayAskForAndNotGetIsDebug) {
  Start();
  LogFailedRequest({"unlink", 8001, EROFS}, "read-only");
  LogFailedRequest({"lookup", 8002, ENOENT}, "no such name");
  EXPECT_THAT(Lines(), IsEmpty());
  Start(/*debug=*/true);
  LogFailedRequest({"unlink", 8003, EROFS}, "read-only");
  LogFailedRequest({"lookup", 8004, ENOENT}, "no such name");
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr(" debug op=unlink ")));
}

TEST_F(LogTest, ACauseStaysOnItsLine) {
  Start();
  LogFailedRequest({"read", 8005, EIO}, "a\nfake line");
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("a\\nfake line")));
}

}  // namespace
}  // namespace betonfs
