#include "core/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace betonfs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr LabelChoice kByDepthTwo{LabelChoice::Mode::kDirectory, 2};

std::vector<LabelDirectory> CatsAndDogs() {
  return {{0, "", 0}, {0, "dog", 3}, {0, "cat", 2}, {2, "persian", 4}, {0, "emu", 0}};
}

TEST(Labels, AreTheRankOfTheTopLevelDirectoryWithEmptyOnesCounted) {
  const auto labels = AssignLabels({}, CatsAndDogs());
  ASSERT_TRUE(labels);
  EXPECT_TRUE(labels->has_labels);
  EXPECT_THAT(labels->classes, ElementsAre("cat", "dog", "emu"));
  EXPECT_THAT(labels->label_of_directory, ElementsAre(-1, 1, 0, 0, 2));
  EXPECT_THAT(labels->warnings, IsEmpty());
}

TEST(Labels, AutoGivesNoneWhenEveryFileIsAtTheRoot) {
  const std::vector<LabelDirectory> tree{{0, "", 5}, {0, "empty", 0}};
  EXPECT_FALSE(AssignLabels({}, tree)->has_labels);
  EXPECT_FALSE(AssignLabels({}, std::vector<LabelDirectory>{{0, "", 0}})->has_labels);
}

TEST(Labels, FilesAtTheRootBesideDirectoriesNeedNone) {
  const std::vector<LabelDirectory> tree{{0, "", 1}, {0, "cat", 1}};
  const auto labels = AssignLabels({}, tree);
  ASSERT_FALSE(labels);
  EXPECT_EQ(labels.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_THAT(labels.error().message, HasSubstr("--label none"));
  const auto none = AssignLabels({LabelChoice::Mode::kNone, 0}, tree);
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->has_labels);
}

TEST(Labels, WarnWhenTheTopLevelLooksLikeSplits) {
  const std::vector<LabelDirectory> tree{{0, "", 0},    {0, "Train", 0}, {1, "cat", 1},
                                         {1, "dog", 1}, {0, "val", 0},   {4, "dog", 1}};
  const auto by_split = AssignLabels({}, tree);
  ASSERT_TRUE(by_split);
  ASSERT_THAT(by_split->warnings, SizeIs(1));
  EXPECT_THAT(by_split->warnings[0], HasSubstr("--label dir:2"));

  const auto by_class = AssignLabels(kByDepthTwo, tree);
  ASSERT_TRUE(by_class);
  EXPECT_THAT(by_class->classes, ElementsAre("cat", "dog"));
  EXPECT_THAT(by_class->label_of_directory, ElementsAre(-1, -1, 0, 1, -1, 1))
      << "dog is one class in both splits";
  EXPECT_THAT(by_class->warnings, IsEmpty());
}

TEST(Labels, AFileAboveTheDepthIsRefusedWithItsDirectory) {
  const auto labels = AssignLabels(kByDepthTwo, CatsAndDogs());
  ASSERT_FALSE(labels);
  EXPECT_THAT(labels.error().message, HasSubstr("3 files lie directly in 'dog/'"));
}

TEST(LabelChoice, IsReadFromText) {
  EXPECT_EQ(ParseLabelChoice("auto")->mode, LabelChoice::Mode::kAuto);
  EXPECT_EQ(ParseLabelChoice("none")->mode, LabelChoice::Mode::kNone);
  EXPECT_EQ(ParseLabelChoice("dir:12")->depth, 12u);
  for (const char* bad : {"", "dir", "dir:", "dir:0", "dir:-1", "dir:1x", "dir:99999999999", "x"}) {
    EXPECT_FALSE(ParseLabelChoice(bad)) << bad;
  }
}

}  // namespace
}  // namespace betonfs
