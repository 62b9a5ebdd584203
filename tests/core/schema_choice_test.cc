#include "core/schema_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace betonfs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

FileFacts FactsOf(const std::vector<std::pair<FileKind, int>>& kinds) {
  FileFacts facts;
  for (const auto& [kind, count] : kinds) {
    for (int i = 0; i < count; ++i) {
      facts.Add(kind, "k" + std::to_string(static_cast<int>(kind)) + "_" + std::to_string(i));
    }
  }
  return facts;
}

TEST(SchemaChoice, AllJpegsAreImages) {
  EXPECT_EQ(*ChooseSchema(PackAs::kAuto, false, FactsOf({{FileKind::kJpeg, 3}})),
            SchemaKind::kImage);
}

TEST(SchemaChoice, FewerThanHalfJpegsAreBytes) {
  EXPECT_EQ(
      *ChooseSchema(PackAs::kAuto, false, FactsOf({{FileKind::kJpeg, 2}, {FileKind::kOther, 3}})),
      SchemaKind::kBytes);
  EXPECT_EQ(*ChooseSchema(PackAs::kAuto, false, FactsOf({})), SchemaKind::kBytes);
}

TEST(SchemaChoice, MostlyJpegsAreNotDecidedSilently) {
  const auto facts =
      FactsOf({{FileKind::kJpeg, 9}, {FileKind::kCmykJpeg, 1}, {FileKind::kOther, 8}});
  const auto choice = ChooseSchema(PackAs::kAuto, false, facts);
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_THAT(choice.error().message, HasSubstr("9 of 18 files"));
  EXPECT_THAT(choice.error().message, HasSubstr("9 files are not: 'k2_0' (CMYK JPEG"));
  EXPECT_THAT(choice.error().message, HasSubstr("'k0_3' (no JPEG) and 4 more"));
  EXPECT_THAT(choice.error().message, HasSubstr("--as bytes"));
  EXPECT_THAT(choice.error().message, HasSubstr("--skip-non-jpeg"));
}

TEST(SchemaChoice, SkippingLeavesImages) {
  const auto facts = FactsOf({{FileKind::kJpeg, 1}, {FileKind::kOther, 8}});
  EXPECT_EQ(*ChooseSchema(PackAs::kAuto, true, facts), SchemaKind::kImage);
  EXPECT_TRUE(IsLeftOut(FileKind::kOther, PackAs::kAuto, true));
  EXPECT_TRUE(IsLeftOut(FileKind::kPng, PackAs::kAuto, true));
  EXPECT_FALSE(IsLeftOut(FileKind::kPng, PackAs::kImage, true)) << "--as image stores PNGs";
  EXPECT_FALSE(IsLeftOut(FileKind::kJpeg, PackAs::kAuto, true));
  EXPECT_FALSE(IsLeftOut(FileKind::kOther, PackAs::kAuto, false));
}

TEST(SchemaChoice, AsImageTakesPngsAndNothingElse) {
  EXPECT_EQ(*ChooseSchema(PackAs::kImage, false, FactsOf({{FileKind::kPng, 3}})),
            SchemaKind::kImage);
  const auto refused =
      ChooseSchema(PackAs::kImage, false, FactsOf({{FileKind::kPng, 3}, {FileKind::kOther, 1}}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("1 file is not: 'k0_0' (no JPEG);"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("k3_0")));
}

TEST(SchemaChoice, AsBytesTakesAnything) {
  EXPECT_EQ(*ChooseSchema(PackAs::kBytes, false, FactsOf({{FileKind::kJpeg, 3}})),
            SchemaKind::kBytes);
  EXPECT_FALSE(ChooseSchema(PackAs::kBytes, true, FactsOf({})));
}

TEST(SchemaChoice, NamesAreOnlyAGuess) {
  EXPECT_EQ(GuessByNames(3, 3), NameGuess::kImage);
  EXPECT_EQ(GuessByNames(4, 2), NameGuess::kUnclear);
  EXPECT_EQ(GuessByNames(5, 2), NameGuess::kBytes);
  EXPECT_EQ(GuessByNames(0, 0), NameGuess::kBytes);
  EXPECT_TRUE(IsNamedJpeg("a.JPG"));
  EXPECT_TRUE(IsNamedJpeg(".jpeg"));
  EXPECT_FALSE(IsNamedJpeg("jpg"));
}

TEST(SchemaChoice, TheFieldsAreTheImageOrTheBytesAndTheLabel) {
  const Schema image = MakeFileSchema(SchemaKind::kImage, true);
  EXPECT_EQ(image.fields()[0].name, "image");
  EXPECT_EQ(image.fields()[1].name, "label");
  EXPECT_EQ(image.row_size_bytes(), 24u);
  const Schema bytes = MakeFileSchema(SchemaKind::kBytes, false);
  EXPECT_EQ(bytes.fields()[0].name, "data");
  EXPECT_EQ(bytes.row_size_bytes(), 16u);
}

}  // namespace
}  // namespace betonfs
