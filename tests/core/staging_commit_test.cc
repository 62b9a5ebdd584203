// The way from created files to a dataset.
#include "core/staging_commit.h"

#include <gtest/gtest.h>

#include "core/dataset.h"
#include "tests/support/staging.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::Stage;
using test::TempDir;

std::string PathIn(const TempDir& dir) { return dir / "out.beton"; }

// Every file of the dataset by its path.
std::map<std::string, std::string> FilesOf(const std::string& path) {
  std::map<std::string, std::string> files;
  const auto dataset = Dataset::Open(path);
  if (!dataset) {
    ADD_FAILURE() << dataset.error().message;
    return files;
  }
  const Field& field = (*dataset)->schema().payload_field(0);
  for (uint64_t i = 0; i < (*dataset)->num_samples(); ++i) {
    const auto payload = (*dataset)->PayloadOf(SampleIndex{i}, field);
    const auto name = (*dataset)->index()->PathOf(SampleIndex{i});
    EXPECT_TRUE(payload && name);
    if (payload && name) files[*name] = AsText(payload->bytes);
  }
  return files;
}

TEST(StagingCommit, FilesBecomeSamples) {
  TempDir dir;
  Stage stage(PathIn(dir));
  stage.Put("a/one", "first");
  stage.Put("b/two", "second");
  const CommitReport report = stage.Commit();
  EXPECT_EQ(report.num_samples, 2u);
  EXPECT_THAT(report.classes, testing::ElementsAre("a", "b"));
  EXPECT_EQ(FilesOf(PathIn(dir)),
            (std::map<std::string, std::string>{{"a/one", "first"}, {"b/two", "second"}}));
  EXPECT_EQ(stage.Contents("a/one"), "first");
}

TEST(StagingCommit, AddsToTheDatasetBefore) {
  TempDir dir;
  Stage stage(PathIn(dir));
  stage.Put("old", "kept");
  stage.Put("gone", std::string(100, 'x'));
  stage.Commit();
  stage.Remove("gone");
  stage.Put("new", "added");
  CommitOptions options;
  options.compact = CommitOptions::Compact::kNever;
  const CommitReport report = stage.Commit(options);
  EXPECT_FALSE(report.rewritten);
  EXPECT_EQ(report.carried_bytes, 4u);
  EXPECT_EQ(FilesOf(PathIn(dir)),
            (std::map<std::string, std::string>{{"old", "kept"}, {"new", "added"}}));
}

}  // namespace
}  // namespace betonfs
