#include "tests/support/pictures.h"

#include <cstdio>
#include <cstdlib>
#include <vector>
// jpeglib.h needs stdio.h before it.
#include <jpeglib.h>
#include <png.h>

#include <algorithm>

namespace betonfs::test {
namespace {

uint8_t Dot(unsigned seed, int x, int y, int channel) {
  const auto mixed = (seed * 2654435761u) ^ static_cast<unsigned>(x * 7 + y * 13 + channel * 101);
  return static_cast<uint8_t>(mixed * 37u >> 3);
}

void PadHeader(jpeg_compress_struct& info, size_t padding) {
  const std::vector<JOCTET> zeros(std::min<size_t>(padding, 65000));
  while (padding > 0) {
    const size_t size = std::min(padding, zeros.size());
    jpeg_write_marker(&info, JPEG_APP0 + 5, zeros.data(), static_cast<unsigned>(size));
    padding -= size;
  }
}

}  // namespace

std::string MakeJpeg(int width, int height, int num_components, unsigned seed,
                     size_t header_padding_bytes) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &out, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = num_components;
  info.in_color_space = num_components == 1   ? JCS_GRAYSCALE
                        : num_components == 3 ? JCS_RGB
                                              : JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_start_compress(&info, TRUE);
  PadHeader(info, header_padding_bytes);
  std::vector<JSAMPLE> row(static_cast<size_t>(width * num_components));
  for (int y = 0; y < height; ++y) {
    for (size_t i = 0; i < row.size(); ++i) row[i] = Dot(seed, static_cast<int>(i), y, 0);
    JSAMPROW rows = row.data();
    jpeg_write_scanlines(&info, &rows, 1);
  }
  jpeg_finish_compress(&info);
  std::string file(reinterpret_cast<char*>(out), size);
  jpeg_destroy_compress(&info);
  std::free(out);
  return file;
}

Rgb8 PngPixel(unsigned seed, int x, int y) {
  return {Dot(seed, x, y, 0), Dot(seed, x, y, 1), Dot(seed, x, y, 2)};
}

namespace {

struct Format {
  int color_type;
  int bit_depth;
};

Format FormatOf(PngColor color) {
  switch (color) {
    case PngColor::kGrey1:
      return {PNG_COLOR_TYPE_GRAY, 1};
    case PngColor::kGrey8:
      return {PNG_COLOR_TYPE_GRAY, 8};
    case PngColor::kGrey16:
      return {PNG_COLOR_TYPE_GRAY, 16};
    case PngColor::kGreyAlpha:
      return {PNG_COLOR_TYPE_GRAY_ALPHA, 8};
    case PngColor::kPalette:
      return {PNG_COLOR_TYPE_PALETTE, 8};
    case PngColor::kRgb:
      return {PNG_COLOR_TYPE_RGB, 8};
    case PngColor::kRgba:
      return {PNG_COLOR_TYPE_RGB_ALPHA, 8};
    case PngColor::kRgb16:
      return {PNG_COLOR_TYPE_RGB, 16};
  }
  return {};
}

// One row in the file's own format.
std::vector<png_byte> Row(PngColor color, unsigned seed, int width, int y) {
  std::vector<png_byte> row;
  for (int x = 0; x < width; ++x) {
    const Rgb8 p = PngPixel(seed, x, y);
    switch (color) {
      case PngColor::kGrey1:
        if (x % 8 == 0) row.push_back(0);
        if (p.red >= 128) row.back() = static_cast<png_byte>(row.back() | 0x80 >> x % 8);
        break;
      case PngColor::kGrey8:
      case PngColor::kPalette:
        row.push_back(p.red);
        break;
      case PngColor::kGrey16:
        row.insert(row.end(), {p.red, p.red});
        break;
      case PngColor::kGreyAlpha:
        row.insert(row.end(), {p.red, 77});
        break;
      case PngColor::kRgb:
        row.insert(row.end(), {p.red, p.green, p.blue});
        break;
      case PngColor::kRgba:
        row.insert(row.end(), {p.red, p.green, p.blue, 77});
        break;
      case PngColor::kRgb16:
        row.insert(row.end(), {p.red, p.red, p.green, p.green, p.blue, p.blue});
        break;
    }
  }
  return row;
}

void Append(png_structp png, png_bytep bytes, size_t size) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<char*>(bytes), size);
}

}  // namespace

std::string MakePng(int width, int height, PngColor color, unsigned seed, bool interlaced) {
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &file, Append, nullptr);
  const Format format = FormatOf(color);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
               format.bit_depth, format.color_type,
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_color palette[256];  // a colour is its number, the other way round, and zero
  for (int i = 0; i < 256; ++i) {
    palette[i] = {static_cast<png_byte>(i), static_cast<png_byte>(255 - i), 0};
  }
  if (color == PngColor::kPalette) png_set_PLTE(png, info, palette, 256);
  png_write_info(png, info);
  std::vector<std::vector<png_byte>> rows;
  std::vector<png_bytep> pointers;
  for (int y = 0; y < height; ++y) rows.push_back(Row(color, seed, width, y));
  for (auto& row : rows) pointers.push_back(row.data());
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

}  // namespace betonfs::test
