#include "core/png_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pictures.h"

namespace betonfs {
namespace {

using test::MakePng;
using test::PngColor;
using test::Rgb8;
using ::testing::HasSubstr;

constexpr int kWidth = 19, kHeight = 7;
constexpr unsigned kSeed = 5;

// What must become of a pixel that was PngPixel(...) before it was stored as `color`.
Rgb8 Expected(PngColor color, int x, int y) {
  const Rgb8 p = test::PngPixel(kSeed, x, y);
  switch (color) {
    case PngColor::kGrey1: {
      const auto bit = static_cast<uint8_t>(p.red >= 128 ? 255 : 0);
      return {bit, bit, bit};
    }
    case PngColor::kGrey8:
    case PngColor::kGrey16:
    case PngColor::kGreyAlpha:
      return {p.red, p.red, p.red};
    case PngColor::kPalette:
      return {p.red, static_cast<uint8_t>(255 - p.red), 0};
    default:
      return p;
  }
}

class DecodePngTest : public ::testing::TestWithParam<PngColor> {};

TEST_P(DecodePngTest, EveryKindBecomesEightBitRgb) {
  for (const bool interlaced : {false, true}) {
    const std::string file = MakePng(kWidth, kHeight, GetParam(), kSeed, interlaced);
    const auto pixels = DecodePng(AsBytes(file), "x.png");
    ASSERT_TRUE(pixels) << pixels.error().message;
    ASSERT_EQ(pixels->size(), size_t{3 * kWidth * kHeight});
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        const auto* p = &(*pixels)[static_cast<size_t>(3 * (y * kWidth + x))];
        const Rgb8 expected = Expected(GetParam(), x, y);
        ASSERT_EQ(static_cast<uint8_t>(p[0]), expected.red) << x << "," << y;
        ASSERT_EQ(static_cast<uint8_t>(p[1]), expected.green) << x << "," << y;
        ASSERT_EQ(static_cast<uint8_t>(p[2]), expected.blue) << x << "," << y;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Colors, DecodePngTest,
                         ::testing::Values(PngColor::kGrey1, PngColor::kGrey8, PngColor::kGrey16,
                                           PngColor::kGreyAlpha, PngColor::kPalette, PngColor::kRgb,
                                           PngColor::kRgba, PngColor::kRgb16));

TEST(DecodePng, SaysWhatWasLost) {
  PngLoss loss;
  ASSERT_TRUE(DecodePng(AsBytes(MakePng(3, 3, PngColor::kRgba)), "x", &loss));
  EXPECT_TRUE(loss.alpha);
  EXPECT_FALSE(loss.sixteen_bit);
  ASSERT_TRUE(DecodePng(AsBytes(MakePng(3, 3, PngColor::kGrey16)), "x", &loss));
  EXPECT_FALSE(loss.alpha);
  EXPECT_TRUE(loss.sixteen_bit);
}

TEST(DecodePng, EveryTruncationFailsWithThePath) {
  const std::string file = MakePng(kWidth, kHeight, PngColor::kRgb);
  for (size_t size = 0; size + 12 < file.size(); ++size) {  // libpng forgives a missing IEND
    const auto pixels = DecodePng(AsBytes(file).first(size), "a/x.png");
    ASSERT_FALSE(pixels) << size;
    EXPECT_EQ(pixels.error().kind, ErrorKind::kCorrupt);
    EXPECT_THAT(pixels.error().message, HasSubstr("a/x.png"));
  }
}

TEST(PngSize, IsToldByTheFirstBytes) {
  const std::string file = MakePng(kWidth, kHeight, PngColor::kRgb);
  EXPECT_EQ(PngSizeOf(AsBytes(file).first(24))->width, kWidth);
  EXPECT_EQ(PngSizeOf(AsBytes(file).first(24))->height, kHeight);
  EXPECT_FALSE(PngSizeOf(AsBytes(file).first(23)));
  std::string wide = file;
  wide[17] = 1;  // 65,536 pixels and more
  EXPECT_FALSE(PngSizeOf(AsBytes(wide)));
  EXPECT_FALSE(PngSizeOf(AsBytes("not a png, whatever its name may say")));
}

}  // namespace
}  // namespace betonfs
