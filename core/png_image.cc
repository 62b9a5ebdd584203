#include "core/png_image.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

namespace betonfs {
namespace {

constexpr size_t kIhdrEnd = 24;  // signature, chunk head, width and height
constexpr uint64_t kMaxRawSizeBytes = uint64_t{1} << 30;
constexpr uint8_t kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
                                  0,    0,   0,   13,  'I',  'H',  'D',  'R'};

uint32_t BigEndian(const std::byte* bytes) {
  uint32_t number = 0;
  for (int i = 0; i < 4; ++i) number = number << 8 | static_cast<uint32_t>(bytes[i]);
  return number;
}

// Everything libpng's callbacks need.  On an error libpng does not return but jumps.
struct Decoding {
  Bytes rest;
  char message[128] = "";
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Decoding() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void OnError(png_structp png, png_const_charp message) {
  auto* decoding = static_cast<Decoding*>(png_get_error_ptr(png));
  std::strncpy(decoding->message, message, sizeof decoding->message - 1);
  png_longjmp(png, 1);
}

void OnWarning(png_structp, png_const_charp) {}

void OnRead(png_structp png, png_bytep out, size_t size) {
  auto* decoding = static_cast<Decoding*>(png_get_io_ptr(png));
  if (size > decoding->rest.size()) png_error(png, "the file ends too early");
  std::memcpy(out, decoding->rest.data(), size);
  decoding->rest = decoding->rest.subspan(size);
}

void AskForRgb8(png_structp png, png_infop info, PngLoss* loss) {
  const int color = png_get_color_type(png, info);
  if (loss != nullptr) {
    loss->alpha =
        (color & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    loss->sixteen_bit = png_get_bit_depth(png, info) == 16;
  }
  png_set_scale_16(png);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if ((color & PNG_COLOR_MASK_COLOR) == 0) {
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_gray_to_rgb(png);
  }
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
}

// The only frame between libpng and the setjmp: it owns nothing that a jump would leak.
bool DecodeInto(Decoding& decoding, std::byte* pixels, size_t row_size,
                std::vector<png_bytep>& rows, PngLoss* loss) {
  if (setjmp(png_jmpbuf(decoding.png)) != 0) return false;
  png_set_user_limits(decoding.png, 0xffff, 0xffff);
  png_set_read_fn(decoding.png, &decoding, OnRead);
  png_read_info(decoding.png, decoding.info);
  AskForRgb8(decoding.png, decoding.info, loss);
  png_read_update_info(decoding.png, decoding.info);
  if (png_get_rowbytes(decoding.png, decoding.info) != row_size ||
      png_get_image_height(decoding.png, decoding.info) != rows.size()) {
    png_error(decoding.png, "its sizes contradict each other");
  }
  for (size_t y = 0; y < rows.size(); ++y) {
    rows[y] = reinterpret_cast<png_bytep>(pixels + y * row_size);
  }
  png_read_image(decoding.png, rows.data());
  png_read_end(decoding.png, nullptr);
  return true;
}

}  // namespace

std::optional<PngSize> PngSizeOf(Bytes prefix) {
  if (prefix.size() < kIhdrEnd || std::memcmp(prefix.data(), kSignature, sizeof kSignature) != 0) {
    return std::nullopt;
  }
  const uint32_t width = BigEndian(&prefix[16]);
  const uint32_t height = BigEndian(&prefix[20]);
  if (width == 0 || height == 0 || width > 0xffff || height > 0xffff) return std::nullopt;
  const PngSize size{static_cast<uint16_t>(width), static_cast<uint16_t>(height)};
  if (size.raw_size_bytes() > kMaxRawSizeBytes) return std::nullopt;
  return size;
}

Result<std::vector<std::byte>> DecodePng(Bytes file, const std::string& path, PngLoss* loss) {
  const auto size = PngSizeOf(file);
  if (!size) return Fail(ErrorKind::kCorrupt, path + ": no PNG");
  std::vector<std::byte> pixels(size->raw_size_bytes());
  std::vector<png_bytep> rows(size->height);
  Decoding decoding{.rest = file};
  decoding.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoding, OnError, OnWarning);
  if (decoding.png != nullptr) decoding.info = png_create_info_struct(decoding.png);
  if (decoding.info == nullptr) return Fail(ErrorKind::kIo, path + ": out of memory");
  if (!DecodeInto(decoding, pixels.data(), size_t{3} * size->width, rows, loss)) {
    return Fail(ErrorKind::kCorrupt, path + ": PNG: " + decoding.message);
  }
  return pixels;
}

}  // namespace betonfs
