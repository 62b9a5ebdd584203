// What is found again, whatever the last session left.
#include "core/staging_recovery.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/staging.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::ReadFile;
using test::Stage;
using test::TempDir;

class StagingRecoveryTest : public testing::Test {
 protected:
  // The work area as it lies on the disk now, under another name: what a crash would have left.
  std::string Copy(const std::string& name) {
    const std::string beton = dir_ / name;
    std::filesystem::copy(StagingArea::DirOf(path_), StagingArea::DirOf(beton));
    if (std::filesystem::exists(path_)) std::filesystem::copy(path_, beton);
    return beton;
  }
  std::string Journal(uint64_t generation) {
    return JournalPath(StagingArea::DirOf(path_), generation);
  }
  Result<std::unique_ptr<StagingArea>> Open(const std::string& path) {
    StageOptions options;
    options.beton_path = path;
    resumed_ = ResumeReport();
    return StagingArea::Open(io_, options, resumed_);
  }

  TempDir dir_;
  StageIo io_;
  ResumeReport resumed_;
  std::string path_ = dir_ / "out.beton";
  Stage stage_{path_};
};

TEST_F(StagingRecoveryTest, SaysWhatItFound) {
  stage_.Put("a/one", "1");
  stage_.Put("a/two", "2");
  stage_.Reopen();
  EXPECT_TRUE(stage_.resumed().resumed);
  EXPECT_EQ(stage_.resumed().num_files, 2u);
  EXPECT_EQ(stage_.resumed().damaged_size_bytes, 0u);
  EXPECT_FALSE(stage_.resumed().rebooted);
}

TEST_F(StagingRecoveryTest, KeepsEverythingBeforeADamagedRecordAndNamesItsOffset) {
  stage_.Put("before", "kept");
  const uint64_t end = std::filesystem::file_size(Journal(1));
  stage_.Put("after", "lost");
  stage_.Close();
  {
    std::fstream journal(Journal(1), std::ios::in | std::ios::out | std::ios::binary);
    journal.seekp(static_cast<std::streamoff>(end) + 20);
    journal.put('\x7f');
  }
  stage_.Reopen();
  EXPECT_EQ(stage_.resumed().damaged_offset, end);
  EXPECT_GT(stage_.resumed().damaged_size_bytes, 0u);
  EXPECT_EQ(stage_.Everything(), (std::map<std::string, std::string>{{"before", "kept"}}));
  stage_.Put("new", "goes on");
  stage_.Reopen();
  EXPECT_EQ(stage_.resumed().damaged_size_bytes, 0u);
  EXPECT_EQ(stage_.Contents("new"), "goes on");
}

TEST_F(StagingRecoveryTest, RefusesAWorkAreaOfAnotherVersion) {
  stage_.Put("file", "x");
  stage_.Close();
  {
    std::fstream journal(Journal(1), std::ios::in | std::ios::out | std::ios::binary);
    journal.seekp(8);
    journal.put('\x63');
  }
  const auto area = Open(path_);
  ASSERT_FALSE(area);
  EXPECT_EQ(area.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(area.error().message, testing::HasSubstr("version 99"));
}

TEST_F(StagingRecoveryTest, RefusesAnotherDatasetThanItBeganWith) {
  stage_.Put("file", "x");
  stage_.Commit();
  stage_.Put("file", "y");
  stage_.Close();
  std::filesystem::copy(path_, dir_ / "kept");
  {
    Stage other(dir_ / "other.beton");
    other.Put("something", "else");
    other.Commit();
  }
  std::filesystem::rename(dir_ / "other.beton", path_);
  const auto refused = Open(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kChanged);
  std::filesystem::rename(dir_ / "kept", path_);
  stage_.Reopen();
  EXPECT_EQ(stage_.Contents("file"), "y");
}

// The next journal is there, the rename has not come: the commit has not happened.
TEST_F(StagingRecoveryTest, UndoesACommitThatDidNotReachItsRename) {
  stage_.Put("file", "first");
  const std::string beton = Copy("before.beton");
  stage_.Commit();
  const std::string dir = StagingArea::DirOf(beton);
  std::filesystem::copy(Journal(2), JournalPath(dir, 2));
  std::ofstream(PagesPath(dir, 2)) << "";
  std::ofstream(dir + "/rewrite.new") << "half written";
  Stage found(beton);
  EXPECT_TRUE(found.resumed().resumed);
  EXPECT_FALSE(found.resumed().finished_commit);
  EXPECT_EQ(found.Contents("file"), "first");
  EXPECT_FALSE(std::filesystem::exists(JournalPath(dir, 2)));
  EXPECT_FALSE(std::filesystem::exists(dir + "/rewrite.new"));
}

// The rename has come, the old journal was not removed: the commit has happened.
TEST_F(StagingRecoveryTest, FinishesACommitThatReachedItsRename) {
  stage_.Put("file", "first");
  const std::string before = Copy("before.beton");
  stage_.Commit();
  stage_.Close();
  std::filesystem::copy(JournalPath(StagingArea::DirOf(before), 1), Journal(1));
  stage_.Reopen();
  EXPECT_TRUE(stage_.resumed().finished_commit);
  EXPECT_EQ(stage_.Contents("file"), "first");
  EXPECT_FALSE(stage_.area().HasChanges());
  EXPECT_FALSE(std::filesystem::exists(Journal(1)));
}

TEST_F(StagingRecoveryTest, RemovesSpillFilesThatNobodyNeeds) {
  stage_.Put("file", "x");
  stage_.Close();
  const std::string orphan = SpillPath(StagingArea::DirOf(path_), 7);
  std::ofstream(orphan) << "of a file that was never closed";
  stage_.Reopen();
  EXPECT_FALSE(std::filesystem::exists(orphan));
}

TEST_F(StagingRecoveryTest, NamesWhatAPowerCutTook) {
  stage_.Put("file", std::string(10'000, 'x'));
  stage_.Close();
  std::filesystem::resize_file(PagesPath(StagingArea::DirOf(path_), 1), 8u << 20);
  test::ForgetBoot(StagingArea::DirOf(path_));
  stage_.Reopen();
  EXPECT_TRUE(stage_.resumed().rebooted);
  EXPECT_THAT(stage_.resumed().lost, testing::ElementsAre("file"));
  EXPECT_EQ(stage_.Contents("file"), "");
}

TEST_F(StagingRecoveryTest, ACheckpointMakesTheSameTree) {
  stage_.Put("a/one", "1");
  stage_.Put("a/b/two", std::string(2'000'000, '2'));
  for (int i = 0; i < 4; ++i) stage_.Put("spilled", std::to_string(i));
  ASSERT_TRUE(stage_.area().Link(stage_.Find("a/one"), kStageRoot, "link"));
  ASSERT_TRUE(stage_.area().MakeSymlink(kStageRoot, "symlink", "a/one"));
  const auto before = stage_.Everything();
  const uint64_t size = std::filesystem::file_size(Journal(1));
  ASSERT_TRUE(StagingRecovery::Checkpoint(stage_.area()));
  EXPECT_LT(std::filesystem::file_size(Journal(1)), size);
  stage_.Reopen();
  EXPECT_EQ(stage_.Everything(), before);
  EXPECT_EQ(stage_.area().GetAttr(stage_.Find("link"))->nlink, 2u);
}

// What an open file has grown to is not on the disk: a checkpoint must not say so.
TEST_F(StagingRecoveryTest, ACheckpointHasWhatWasSealedOfAnOpenFile) {
  stage_.Put("file", "sealed");
  const StageIno ino = stage_.Find("file");
  ASSERT_TRUE(stage_.area().OpenForWriting(ino, false));
  ASSERT_TRUE(stage_.area().Write(ino, 6, AsBytes(" and more")));
  ASSERT_TRUE(StagingRecovery::Checkpoint(stage_.area()));
  Stage found(Copy("copy.beton"));
  EXPECT_EQ(found.Contents("file"), "sealed");
  ASSERT_TRUE(stage_.area().Release(ino));
}

}  // namespace
}  // namespace betonfs
