// The tree behaves as a local file system does.
#include "core/staging_tree.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace betonfs {
namespace {

constexpr Timestamp kThen{1000, 0};
constexpr Timestamp kNow{2000, 5};

class StagingTreeTest : public testing::Test {
 protected:
  StageIno File(StageIno dir, std::string_view name) {
    const auto made = tree_.Make(dir, name, NodeKind::kFile, 0644, kThen);
    EXPECT_TRUE(made);
    return made.value_or(StageIno{0});
  }
  StageIno Directory(StageIno dir, std::string_view name) {
    const auto made = tree_.Make(dir, name, NodeKind::kDirectory, 0755, kThen);
    EXPECT_TRUE(made);
    return made.value_or(StageIno{0});
  }
  template <class T>
  static int ErrnoOf(const Result<T>& result) {
    return result ? 0 : result.error().sys_errno;
  }

  StagingTree tree_;
};

TEST_F(StagingTreeTest, ADirectoryCountsItsSubdirectories) {
  EXPECT_EQ(tree_.At(kStageRoot).nlink, 2u);
  const StageIno a = Directory(kStageRoot, "a");
  Directory(a, "b");
  EXPECT_EQ(tree_.At(kStageRoot).nlink, 3u);
  EXPECT_EQ(tree_.At(a).nlink, 3u);
  ASSERT_TRUE(tree_.RemoveDirectory(a, "b", kNow));
  EXPECT_EQ(tree_.At(a).nlink, 2u);
  EXPECT_EQ(tree_.At(a).mtime, kNow);
}

TEST_F(StagingTreeTest, RefusesWhatPosixRefuses) {
  const StageIno dir = Directory(kStageRoot, "dir");
  const StageIno file = File(kStageRoot, "file");
  File(dir, "inside");
  EXPECT_EQ(ErrnoOf(tree_.Make(kStageRoot, "file", NodeKind::kFile, 0, kNow)), EEXIST);
  EXPECT_EQ(ErrnoOf(tree_.Make(file, "x", NodeKind::kFile, 0, kNow)), ENOTDIR);
  EXPECT_EQ(ErrnoOf(tree_.Make(dir, std::string(256, 'x'), NodeKind::kFile, 0, kNow)),
            ENAMETOOLONG);
  EXPECT_EQ(ErrnoOf(tree_.Unlink(kStageRoot, "dir", kNow)), EISDIR);
  EXPECT_EQ(ErrnoOf(tree_.Unlink(kStageRoot, "nothing", kNow)), ENOENT);
  EXPECT_EQ(ErrnoOf(tree_.RemoveDirectory(kStageRoot, "file", kNow)), ENOTDIR);
  EXPECT_EQ(ErrnoOf(tree_.RemoveDirectory(kStageRoot, "dir", kNow)), ENOTEMPTY);
  EXPECT_EQ(ErrnoOf(tree_.Rename(kStageRoot, "dir", dir, "self", true, kNow)), EINVAL);
  EXPECT_EQ(ErrnoOf(tree_.Rename(kStageRoot, "file", kStageRoot, "dir", true, kNow)), EISDIR);
  EXPECT_EQ(ErrnoOf(tree_.Rename(kStageRoot, "dir", kStageRoot, "file", true, kNow)), ENOTDIR);
  EXPECT_EQ(ErrnoOf(tree_.Rename(kStageRoot, "file", dir, "inside", false, kNow)), EEXIST);
  EXPECT_EQ(ErrnoOf(tree_.Link(dir, kStageRoot, "hard", kNow)), EPERM);
}

TEST_F(StagingTreeTest, NothingIsMadeInARemovedDirectory) {
  const StageIno dir = Directory(kStageRoot, "dir");
  ++tree_.At(dir).num_lookups;  // somebody's working directory
  ASSERT_TRUE(tree_.RemoveDirectory(kStageRoot, "dir", kNow));
  EXPECT_FALSE(tree_.Drop(dir));
  EXPECT_EQ(ErrnoOf(tree_.Make(dir, "x", NodeKind::kFile, 0, kNow)), ENOENT);
}

TEST_F(StagingTreeTest, RenameReplacesAndMoves) {
  const StageIno a = Directory(kStageRoot, "a");
  const StageIno b = Directory(kStageRoot, "b");
  const StageIno moved = File(a, "x");
  const StageIno replaced = File(b, "y");
  const auto victim = tree_.Rename(a, "x", b, "y", true, kNow);
  ASSERT_TRUE(victim);
  EXPECT_EQ(*victim, replaced);
  EXPECT_TRUE(tree_.Drop(replaced));
  EXPECT_EQ(tree_.PathOf(moved), "b/y");
  EXPECT_EQ(tree_.Resolve("b/y"), moved);
  EXPECT_FALSE(tree_.Resolve("a/x"));
  EXPECT_EQ(tree_.At(a).mtime, kNow);
  EXPECT_EQ(tree_.At(moved).mtime, kThen);
}

TEST_F(StagingTreeTest, AMovedDirectoryTakesItsFilesAlong) {
  const StageIno a = Directory(kStageRoot, "a");
  const StageIno b = Directory(kStageRoot, "b");
  const StageIno file = File(a, "x");
  ASSERT_TRUE(tree_.Rename(kStageRoot, "a", b, "c", true, kNow));
  EXPECT_EQ(tree_.PathOf(file), "b/c/x");
  EXPECT_EQ(tree_.At(kStageRoot).nlink, 3u);
  EXPECT_EQ(tree_.At(b).nlink, 3u);
}

TEST_F(StagingTreeTest, AFileLivesAsLongAsItHasAName) {
  const StageIno file = File(kStageRoot, "one");
  ASSERT_TRUE(tree_.Link(file, kStageRoot, "two", kNow));
  ASSERT_TRUE(tree_.Link(file, kStageRoot, "three", kNow));
  EXPECT_EQ(tree_.At(file).nlink, 3u);
  ASSERT_TRUE(tree_.Unlink(kStageRoot, "one", kNow));
  ASSERT_TRUE(tree_.Rename(kStageRoot, "three", kStageRoot, "four", true, kNow));
  EXPECT_FALSE(tree_.Drop(file));
  const std::set<std::string> names{tree_.PathOf(file)};
  ASSERT_TRUE(tree_.Unlink(kStageRoot, *names.begin(), kNow));
  EXPECT_EQ(tree_.At(file).nlink, 1u);
  ASSERT_TRUE(tree_.Unlink(kStageRoot, tree_.PathOf(file), kNow));
  EXPECT_EQ(tree_.num_files(), 0u);
  EXPECT_TRUE(tree_.Drop(file));
}

TEST_F(StagingTreeTest, RenamingOneNameOntoAnotherOfTheSameFileDoesNothing) {
  const StageIno file = File(kStageRoot, "one");
  ASSERT_TRUE(tree_.Link(file, kStageRoot, "two", kNow));
  ASSERT_TRUE(tree_.Rename(kStageRoot, "one", kStageRoot, "two", true, kNow));
  EXPECT_EQ(tree_.At(file).nlink, 2u);
  EXPECT_TRUE(tree_.Resolve("one"));
}

TEST_F(StagingTreeTest, FindsNamesAmongManyThatComeAndGo) {
  std::set<std::string> names;
  for (int i = 0; i < 20000; ++i) {
    const std::string name = "n" + std::to_string(i % 7000);
    if (names.erase(name) > 0) {
      const auto gone = tree_.Unlink(kStageRoot, name, kNow);
      ASSERT_TRUE(gone);
      ASSERT_TRUE(tree_.Drop(*gone));
    } else {
      File(kStageRoot, name);
      names.insert(name);
    }
  }
  for (int i = 0; i < 7000; ++i) {
    const std::string name = "n" + std::to_string(i);
    EXPECT_EQ(tree_.Resolve(name).has_value(), names.contains(name)) << name;
  }
  EXPECT_EQ(tree_.Children(kStageRoot).size(), names.size());
}

// Ten million files in under 2 GiB are 214 bytes each.
TEST_F(StagingTreeTest, AFileCostsUnderTwoHundredBytes) {
  constexpr int kFiles = 200'000;
  StageIno dir{0};
  for (int i = 0; i < kFiles; ++i) {
    if (i % 1000 == 0) dir = Directory(kStageRoot, "n" + std::to_string(i));
    File(dir, "ILSVRC2012_val_" + std::to_string(10000000 + i) + ".JPEG");
  }
  // malloc adds 8 bytes to a name and rounds up to 16.
  constexpr uint64_t kMallocBytes = 16;
  EXPECT_LT(tree_.memory_bytes() / kFiles + kMallocBytes, 200u);
}

}  // namespace
}  // namespace betonfs
