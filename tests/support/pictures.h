// JPEG and PNG files made on the spot, each a little different by its seed.
#pragma once

#include <cstdint>
#include <string>

namespace betonfs::test {

// `num_components`: 1 grey, 3 colour, 4 CMYK.  `header_padding_bytes` go into APP segments in front
// of the frame header.
std::string MakeJpeg(int width, int height, int num_components = 3, unsigned seed = 1,
                     size_t header_padding_bytes = 0);

enum class PngColor { kGrey1, kGrey8, kGrey16, kGreyAlpha, kPalette, kRgb, kRgba, kRgb16 };

// The picture's pixels are PngPixel(seed, x, y); grey, palette and 1-bit ones what is left of them.
std::string MakePng(int width, int height, PngColor color, unsigned seed = 1,
                    bool interlaced = false);

struct Rgb8 {
  uint8_t red, green, blue;
};
Rgb8 PngPixel(unsigned seed, int x, int y);

}  // namespace betonfs::test
