// Which datasets can be staged, and what tree they make.
#include "core/staging_base.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/beton_builder.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::Blob;
using test::TempDir;

Status Load(const std::string& file, StagingTree& tree) {
  TempDir dir;
  auto dataset = Dataset::Open(dir.Write("base.beton", file));
  EXPECT_TRUE(dataset);
  return LoadBaseTree(**dataset, tree);
}

TEST(StagingBase, EverySampleIsAFileAtItsPath) {
  StagingTree tree;
  ASSERT_TRUE(Load(test::NamedBeton().Build(), tree));
  EXPECT_EQ(tree.num_files(), 4u);
  EXPECT_EQ(tree.num_directories(), 4u);
  tree.ForEachNode([](StageIno, const StageNode& node) {
    if (node.kind != NodeKind::kFile) return;
    EXPECT_EQ(node.content.where, Where::kBase);
    EXPECT_EQ(node.content.picture, Picture::kJpeg);
    EXPECT_GT(node.content.size, 0u);
  });
}

TEST(StagingBase, RefusesFilesWithoutNames) {
  StagingTree tree;
  const Status refused =
      Load(BetonBuilder().Field(FieldType::kBytes, "data").Sample({Blob("x")}).Build(), tree);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("made by FFCV"));
}

TEST(StagingBase, RefusesSamplesThatAreNotOneFile) {
  StagingTree tree;
  const Status refused = Load(test::MixedBeton().Build(), tree);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("not one file each"));
}

TEST(StagingBase, RefusesRawImages) {
  StagingTree tree;
  const Status refused = Load(BetonBuilder()
                                  .Field(FieldType::kRgbImage, "image")
                                  .Sample({test::Rgb(2, 2, std::string(12, 'p'))})
                                  .Paths({"a.ppm"})
                                  .Build(),
                              tree);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("sample 0"));
}

TEST(StagingBase, ADamagedIndexIsNoTree) {
  StagingTree tree;
  const auto damage = [](test::HandIndex& index) { index.entries[0].name_size_bytes = 60'000; };
  const Status refused = Load(test::NamedBeton().EditIndex(damage).Build(), tree);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace betonfs
