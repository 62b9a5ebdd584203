// What a commit would make of a tree, decided without writing anything.
#include "core/staging_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/text.h"
#include "tests/support/pictures.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Content Known(Picture picture, uint8_t components = 0) {
  Content content;
  content.where = Where::kPages;
  content.size = 100;
  content.picture = picture;
  content.components = components;
  return content;
}
Content Text() { return Known(Picture::kNotJpeg); }
Content Jpeg() { return Known(Picture::kJpeg, 3); }
Content CmykJpeg() { return Known(Picture::kJpeg, 4); }

class CommitPlanTest : public testing::Test {
 protected:
  CommitPlanTest() { options_.labels.mode = LabelChoice::Mode::kNone; }

  StageIno Directory(StageIno parent, const std::string& name) {
    return *tree_.Make(parent, name, NodeKind::kDirectory, 0755, {});
  }
  StageIno File(StageIno parent, const std::string& name, const Content& content = Text()) {
    const StageIno ino = *tree_.Make(parent, name, NodeKind::kFile, 0644, {});
    tree_.At(ino).content = content;
    return ino;
  }
  void Symlink(const std::string& name, const std::string& target) {
    ASSERT_TRUE(tree_.MakeSymlink(kStageRoot, name, target, {}));
  }
  CommitPlan Plan() {
    auto plan = PlanCommit(tree_, store_, options_);
    EXPECT_TRUE(plan) << plan.error().message;
    return plan ? *std::move(plan) : CommitPlan();
  }
  static std::vector<std::string> Paths(const CommitPlan& plan) {
    std::vector<std::string> paths;
    for (const PlannedSample& sample : plan.samples) paths.push_back(plan.PathOf(sample));
    return paths;
  }
  static std::vector<std::string> Skipped(const CommitPlan& plan) {
    std::vector<std::string> skipped;
    for (const PlannedSkip& skip : plan.skipped) skipped.push_back(skip.path + ": " + skip.reason);
    return skipped;
  }

  TempDir dir_;
  StageIo io_;
  StagingStore store_{io_, dir_.path()};
  StagingTree tree_;
  PlanOptions options_;
};

TEST_F(CommitPlanTest, AnEmptyTreeIsADatasetOfNothing) {
  const CommitPlan plan = Plan();
  EXPECT_THAT(plan.samples, IsEmpty());
  EXPECT_EQ(plan.directories.size(), 1u);
  EXPECT_EQ(plan.schema, SchemaKind::kBytes);
}

TEST_F(CommitPlanTest, SamplesAreInTheOrderOfTheirPathsHoweverTheyCame) {
  const StageIno b = Directory(kStageRoot, "b");
  File(b, "2");
  File(kStageRoot, "c");
  const StageIno a = Directory(kStageRoot, "a");
  File(b, "1");
  File(Directory(a, "deep"), "x");
  const CommitPlan plan = Plan();
  EXPECT_THAT(Paths(plan), ElementsAre("a/deep/x", "b/1", "b/2", "c"));
  EXPECT_EQ(plan.payload_bytes, 400u);
}

TEST_F(CommitPlanTest, DirectoriesAreDepthFirstWithTheirFilesCounted) {
  const StageIno a = Directory(kStageRoot, "a");
  Directory(kStageRoot, "empty");
  File(Directory(a, "deep"), "x");
  File(a, "y");
  std::vector<std::string> told;
  for (const PlannedDirectory& directory : Plan().directories) {
    told.push_back(Cat(directory.name, " in ", directory.parent, ": ", directory.num_files));
  }
  EXPECT_THAT(told, ElementsAre(" in 0: 0", "a in 0: 1", "deep in 1: 1", "empty in 0: 0"));
}

TEST_F(CommitPlanTest, LabelsComeFromTheDirectoriesAndEmptyOnesCount) {
  options_.labels.mode = LabelChoice::Mode::kAuto;
  File(Directory(kStageRoot, "emu"), "1");
  Directory(kStageRoot, "dog");
  File(Directory(kStageRoot, "cat"), "1");
  const CommitPlan plan = Plan();
  EXPECT_THAT(plan.labels.classes, ElementsAre("cat", "dog", "emu"));
  EXPECT_EQ(plan.labels.label_of_directory[plan.samples[1].directory], 2);
}

TEST_F(CommitPlanTest, AFurtherNameOfAFileIsACopyOfTheFirstInOrder) {
  const StageIno file = File(kStageRoot, "z");
  ASSERT_TRUE(tree_.Link(file, kStageRoot, "a", {}));
  const CommitPlan plan = Plan();
  EXPECT_THAT(Paths(plan), ElementsAre("a", "z"));
  EXPECT_FALSE(plan.samples[0].is_copy);
  EXPECT_TRUE(plan.samples[1].is_copy);
  ASSERT_EQ(plan.links.size(), 1u);
  EXPECT_EQ(plan.links[0].path + " -> " + plan.links[0].target, "z -> a");
}

TEST_F(CommitPlanTest, ASymlinkIsFollowedInsideTheTreeAlone) {
  File(Directory(kStageRoot, "d"), "file");
  for (const char* target : {"d/file", "./d//file", "d/../d/file"}) {
    Symlink(Cat("good ", Plan().samples.size()), target);
  }
  Symlink("bad 1", "/etc/passwd");
  Symlink("bad 2", "../d/file");
  Symlink("bad 3", "d/nothing");
  Symlink("bad 4", "d/file/x");  // a file is no directory
  Symlink("bad 5", "d");
  Symlink("bad 6", "bad 6/x");
  const CommitPlan plan = Plan();
  EXPECT_EQ(plan.samples.size(), 4u);
  EXPECT_EQ(plan.links.size(), 9u);
  for (const PlannedLink& link : plan.links) {
    EXPECT_EQ(link.followed, link.path.starts_with("good")) << link.path << " " << link.target;
  }
}

TEST_F(CommitPlanTest, AChainOfMoreThanFortySymlinksIsTakenForALoop) {
  constexpr int kLinks = 45;
  const auto name = [](int i) { return Cat("link", i < 10 ? "0" : "", i); };
  for (int i = 1; i < kLinks; ++i) Symlink(name(i), name(i + 1));
  Symlink(name(kLinks), "zfile");
  File(kStageRoot, "zfile");
  const CommitPlan plan = Plan();
  EXPECT_EQ(Paths(plan).front(), name(kLinks - 40));
  EXPECT_EQ(plan.samples.size(), 42u);  // 40 links through others, the last one, the file
}

TEST_F(CommitPlanTest, WhatImagesLeaveOutIsNamedAndNotCounted) {
  options_.skip_non_jpeg = true;
  const StageIno a = Directory(kStageRoot, "a");
  File(a, "1.jpg", Jpeg());
  File(a, "2.jpg", CmykJpeg());
  File(a, "3.txt", Text());
  File(a, "4.jpg", Known(Picture::kJpeg, 1));
  const CommitPlan plan = Plan();
  EXPECT_EQ(plan.schema, SchemaKind::kImage);
  EXPECT_THAT(Paths(plan), ElementsAre("a/1.jpg", "a/4.jpg"));
  EXPECT_THAT(Skipped(plan), ElementsAre("a/2.jpg: CMYK JPEG", "a/3.txt: not a JPEG"));
  EXPECT_EQ(plan.directories[1].num_files, 2u);
  EXPECT_EQ(plan.payload_bytes, 200u);
}

TEST_F(CommitPlanTest, MostlyPicturesIsForTheUserToDecide) {
  File(kStageRoot, "1.jpg", Jpeg());
  File(kStageRoot, "2.jpg", Jpeg());
  File(kStageRoot, "notes", Text());
  const auto refused = PlanCommit(tree_, store_, options_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("notes"));
  options_.as = PackAs::kBytes;
  EXPECT_EQ(Plan().samples.size(), 3u);
}

TEST_F(CommitPlanTest, JunkIsSkippedWhereverItLies) {
  File(Directory(kStageRoot, "a"), ".DS_Store");
  File(kStageRoot, "kept");
  Symlink("._kept", "kept");
  const CommitPlan plan = Plan();
  EXPECT_THAT(Paths(plan), ElementsAre("kept"));
  EXPECT_THAT(Skipped(plan), ElementsAre("._kept: junk name", "a/.DS_Store: junk name"));
}

// A file written at random was never looked at while its bytes were at hand.
TEST_F(CommitPlanTest, AFileNobodyLookedAtIsReadToTellWhatItIs) {
  Content spilled;
  spilled.where = Where::kSpill;
  spilled.offset = 7;  // its number
  const std::string picture = test::MakeJpeg(30, 20);
  spilled.size = picture.size();
  dir_.Write(std::filesystem::path(store_.SpillPath(7)).filename().string(), picture);
  File(kStageRoot, "photo", spilled);
  const CommitPlan plan = Plan();
  EXPECT_EQ(plan.schema, SchemaKind::kImage);
  EXPECT_EQ(plan.samples[0].content.width, 30);
  EXPECT_EQ(plan.samples[0].content.height, 20);
  std::filesystem::remove(store_.SpillPath(7));
  EXPECT_EQ(PlanCommit(tree_, store_, options_).error().kind, ErrorKind::kNotFound);
}

// The page file is mapped for a terabyte, or as far as the address space goes.
TEST_F(CommitPlanTest, APictureBeyondWhatIsMappedIsReadToo) {
  auto pages = PageFile::Open(io_, dir_ / "pages", /*first_offset=*/uint64_t{1} << 41, 0, 1 << 20);
  ASSERT_TRUE(pages) << pages.error().message;
  store_.SetPages(std::move(*pages));
  const auto content = store_.pages().Put(AsBytes(test::MakeJpeg(30, 20)));
  ASSERT_TRUE(content) << content.error().message;
  ASSERT_FALSE(store_.View(*content));
  File(kStageRoot, "photo", *content);
  const CommitPlan plan = Plan();
  EXPECT_EQ(plan.schema, SchemaKind::kImage);
  EXPECT_EQ(plan.samples[0].content.width, 30);
}

TEST(JunkNames, AreThoseThatToolsMakeUp) {
  for (const char* name : {".DS_Store", "Thumbs.db", "._photo.jpg", ".nfs0000000000a1",
                           ".photo.jpg.Ab3dE9", "..x.ABCDEF", ".a.b.c.000000"}) {
    EXPECT_TRUE(IsJunkName(name)) << name;
  }
  for (const char* name : {"DS_Store", "thumbs.db", "photo.jpg", ".hidden", ".config.locale",
                           "photo.jpg.Ab3dE9", ".photo.Ab3dE", ".photo.Ab3d-9", ".Ab3dE9", ""}) {
    EXPECT_FALSE(IsJunkName(name)) << name;
  }
}

}  // namespace
}  // namespace betonfs
