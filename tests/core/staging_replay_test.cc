// Records make sense beside a tree or end the replay, and never change it halfway.
#include "core/staging_replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/block_checks.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::TempDir;

class StagingReplayTest : public testing::Test {
 protected:
  bool Apply(JournalKind kind, std::string_view path, std::string_view second = {},
             const Content& content = {}) {
    JournalRecord record;
    record.kind = kind;
    record.mode = 0600;
    record.mtime = {50, 0};
    record.path = path;
    record.second = second;
    record.content = content;
    return replayer_.Apply(record, 0);
  }

  TempDir dir_;
  StageIo io_;
  StagingStore store_{io_, dir_.path()};
  StagingTree tree_;
  GrowingMap no_pages_;
  StagingReplayer replayer_{tree_, store_, no_pages_, 0, ~uint64_t{0}};
};

TEST_F(StagingReplayTest, NamesComeAndGo) {
  EXPECT_TRUE(Apply(JournalKind::kMakeDirectory, "d"));
  EXPECT_TRUE(Apply(JournalKind::kCreate, "d/f"));
  EXPECT_TRUE(Apply(JournalKind::kLink, "d/f", "g"));
  EXPECT_TRUE(Apply(JournalKind::kSymlink, "s", "d/f"));
  EXPECT_TRUE(Apply(JournalKind::kRename, "d/f", "f"));
  EXPECT_TRUE(Apply(JournalKind::kRemove, "g"));
  EXPECT_TRUE(Apply(JournalKind::kRemoveDirectory, "d"));
  EXPECT_TRUE(tree_.Resolve("f") && tree_.Resolve("s"));
  EXPECT_FALSE(tree_.Resolve("d") || tree_.Resolve("g"));
  EXPECT_EQ(replayer_.num_changes(), 7u);
}

TEST_F(StagingReplayTest, WhatMakesNoSenseIsRefused) {
  ASSERT_TRUE(Apply(JournalKind::kMakeDirectory, "d"));
  ASSERT_TRUE(Apply(JournalKind::kCreate, "f"));
  EXPECT_FALSE(Apply(JournalKind::kCreate, "f"));
  EXPECT_FALSE(Apply(JournalKind::kCreate, "nowhere/f"));
  EXPECT_FALSE(Apply(JournalKind::kCreate, "f/below a file"));
  EXPECT_FALSE(Apply(JournalKind::kCreate, ""));
  EXPECT_FALSE(Apply(JournalKind::kSeal, "d"));
  EXPECT_FALSE(Apply(JournalKind::kSeal, "nothing"));
  EXPECT_FALSE(Apply(JournalKind::kRemove, "d"));
  EXPECT_FALSE(Apply(JournalKind::kRemoveDirectory, "f"));
  EXPECT_FALSE(Apply(JournalKind::kRename, "nothing", "x"));
  EXPECT_FALSE(Apply(JournalKind::kRename, "d", "d/inside"));
  EXPECT_FALSE(Apply(JournalKind::kLink, "d", "x"));
  EXPECT_FALSE(Apply(JournalKind::kAttributes, "nothing"));
  EXPECT_EQ(tree_.num_files(), 1u);
  EXPECT_EQ(tree_.num_directories(), 2u);
}

TEST_F(StagingReplayTest, BytesThatAreNotThereAreNamedAndTheRestGoesOn) {
  ASSERT_TRUE(Apply(JournalKind::kCreate, "f"));
  Content content{Where::kPages, 1 << 20, 100, 1};
  EXPECT_TRUE(Apply(JournalKind::kSeal, "f", {}, content));
  content.where = Where::kSpill;
  EXPECT_TRUE(Apply(JournalKind::kSeal, "f", {}, content));
  content.where = Where::kBase;
  EXPECT_TRUE(Apply(JournalKind::kSeal, "f", {}, content));
  EXPECT_THAT(replayer_.lost(), testing::ElementsAre("f", "f", "f"));
  EXPECT_EQ(tree_.At(*tree_.Resolve("f")).content, Content());
}

TEST_F(StagingReplayTest, ASpillFileIsAsLongAsItIs) {
  dir_.Write("spill.4", "grown since");
  ASSERT_TRUE(Apply(JournalKind::kCreate, "f"));
  EXPECT_TRUE(Apply(JournalKind::kSeal, "f", {}, {Where::kSpill, 4, 5, 0}));
  EXPECT_EQ(tree_.At(*tree_.Resolve("f")).content.size, 11u);
}

TEST_F(StagingReplayTest, ClearForgetsTheDatasetsTree) {
  ASSERT_TRUE(Apply(JournalKind::kCreate, "f"));
  ASSERT_TRUE(Apply(JournalKind::kClear, ""));
  EXPECT_EQ(tree_.num_files(), 0u);
}

TEST_F(StagingReplayTest, BegunSaysHowManyChangesThereWere) {
  ASSERT_TRUE(Apply(JournalKind::kCreate, "f"));
  Content begun;
  begun.size = 40;
  ASSERT_TRUE(Apply(JournalKind::kBegun, "", {}, begun));
  EXPECT_EQ(replayer_.num_changes(), 40u);
}

}  // namespace
}  // namespace betonfs
