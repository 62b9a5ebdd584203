#include "core/raw_image.h"

#include <gtest/gtest.h>
#include <png.h>

namespace betonfs {
namespace {

std::string Pixels(uint64_t width, uint64_t height) {
  std::string out;
  for (uint64_t i = 0; i < width * height * 3; ++i) out += static_cast<char>(i * 7 + i / 256);
  return out;
}

constexpr uint16_t kSizes[][2] = {{1, 1}, {2, 3}, {3, 2}, {4, 1}, {123, 200}, {0, 0}, {0, 5}};

TEST(RawImage, TheSizeIsKnownBeforeRendering) {
  for (const auto [width, height] : kSizes) {
    const std::string pixels = Pixels(width, height);
    for (const RawView view : {RawView::kPpm, RawView::kBmp, RawView::kPng}) {
      EXPECT_EQ(RenderRawImage(AsBytes(pixels), width, height, view).size(),
                RawImageSizeBytes(width, height, view));
    }
  }
}

TEST(RawImage, PpmIsAHeaderAndThePixels) {
  EXPECT_EQ(RenderRawImage(AsBytes("RGBrgb"), 2, 1, RawView::kPpm), "P6\n2 1\n255\nRGBrgb");
  std::array<char, 32> header;
  EXPECT_EQ(std::string_view(header.data(), WritePpmHeader(65535, 65535, header)),
            "P6\n65535 65535\n255\n");
}

TEST(RawImage, BmpIsBottomUpBlueFirstAndPadded) {
  const std::string bmp = RenderRawImage(AsBytes("RGBrgb"), 1, 2, RawView::kBmp);
  EXPECT_EQ(bmp.substr(0, 2), "BM");
  EXPECT_EQ(bmp.substr(54), std::string("bgr\0BGR\0", 8));
}

TEST(RawImage, LibpngReadsTheSamePixelsBack) {
  for (const auto [width, height] : kSizes) {
    if (width == 0) continue;  // PNG has no empty pictures
    const std::string pixels = Pixels(width, height);
    const std::string png = RenderRawImage(AsBytes(pixels), width, height, RawView::kPng);
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    ASSERT_TRUE(png_image_begin_read_from_memory(&image, png.data(), png.size())) << image.message;
    EXPECT_EQ(image.width, width);
    EXPECT_EQ(image.height, height);
    EXPECT_EQ(image.format, PNG_FORMAT_RGB + 0u);
    std::string read(pixels.size(), '\0');
    ASSERT_TRUE(png_image_finish_read(&image, nullptr, read.data(), 0, nullptr)) << image.message;
    EXPECT_EQ(read, pixels);
  }
}

}  // namespace
}  // namespace betonfs
