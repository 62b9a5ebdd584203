// What is written to `.betonfs/commit` and read from it.
#include "fs/staging_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/staging.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::Stage;
using test::TempDir;

TEST(CommitRequest, NothingAsksForTheDefaults) {
  const auto options = ParseCommitRequest(" \n");
  ASSERT_TRUE(options);
  EXPECT_EQ(options->plan.as, PackAs::kAuto);
  EXPECT_EQ(options->compact, CommitOptions::Compact::kAuto);
  EXPECT_FALSE(options->shuffle_seed || options->dry_run || options->plan.skip_non_jpeg);
}

TEST(CommitRequest, SurvivesItsWayThroughTheFile) {
  CommitOptions options;
  options.plan.as = PackAs::kBytes;
  options.plan.skip_non_jpeg = true;
  options.plan.labels.mode = LabelChoice::Mode::kDirectory;
  options.plan.labels.depth = 2;
  options.compact = CommitOptions::Compact::kNever;
  options.shuffle_seed = ~uint64_t{0};
  options.dry_run = true;
  const auto back = ParseCommitRequest(FormatCommitRequest(options));
  ASSERT_TRUE(back);
  EXPECT_EQ(FormatCommitRequest(*back), FormatCommitRequest(options));
}

TEST(CommitRequest, AnythingElseIsRefusedByName) {
  for (const char* text : {"no JSON", "[]", "{\"compact\": \"maybe\"}", "{\"shuffle\": -1}",
                           "{\"dry_run\": 1}", "{\"label\": \"dir:x\"}", "{\"as\": 7}"}) {
    const auto refused = ParseCommitRequest(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().kind, ErrorKind::kInvalidArgument) << text;
  }
  EXPECT_THAT(ParseCommitRequest("{\"speed\": \"fast\"}").error().message,
              testing::HasSubstr("speed"));
}

TEST(CommitDocument, AnErrorComesBackAsItself) {
  const Error error{ErrorKind::kNoSpace, "no room \"here\"\nat all", ENOSPC};
  const auto back = ParseCommitDocument(FormatCommitError(error));
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().kind, error.kind);
  EXPECT_EQ(back.error().message, error.message);
  EXPECT_EQ(back.error().sys_errno, error.sys_errno);
  for (const char* text : {"", "{}", "{\"error\": 7}", "{\"error\": {\"message\": []}}"}) {
    EXPECT_EQ(ParseCommitDocument(text).error().kind, ErrorKind::kCorrupt) << text;
  }
}

TEST(StagingControl, CommitsWhatIsWrittenAndShowsTheReport) {
  TempDir dir;
  Stage stage(dir / "out.beton");
  stage.Put("file", "x");
  StagingControl control(stage.area(), /*commits_on_unmount=*/false);
  const fuse_ino_t commit = StagingControl::Find("commit");
  EXPECT_EQ(control.Contents(commit), "");
  EXPECT_FALSE(control.Write(commit, "{\"as\": \"nothing\"}"));
  EXPECT_FALSE(ParseCommitDocument(control.Contents(commit)));
  ASSERT_TRUE(control.Write(commit, "\n"));
  const auto report = ParseCommitDocument(control.Contents(commit));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->num_samples, 1u);
  EXPECT_EQ(control.Write(StagingControl::Find("status"), "x").error().sys_errno, EACCES);
}

TEST(StagingControl, StatusHasTheFigures) {
  TempDir dir;
  Stage stage(dir / "out.beton");
  stage.Put("file", "12345");
  StagingControl control(stage.area(), /*commits_on_unmount=*/true);
  control.stats().Count(OpKind::kCreate, 100);
  const std::string status = control.Contents(StagingControl::Find("status"));
  for (const char* part : {"\"files\": 1", "\"bytes\": 5", "\"commit_on_unmount\": true",
                           "\"create\": 1", "\"phase\": \"idle\"", "\"dead_bytes\": 0"}) {
    EXPECT_THAT(status, testing::HasSubstr(part));
  }
}

}  // namespace
}  // namespace betonfs
