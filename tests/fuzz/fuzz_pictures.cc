// What an image field may hold: the header of a JPEG, whole and cut short, its pixels, and PNGs.
#include <cstdlib>

#include "core/file_inspector.h"
#include "core/jpeg_decode.h"
#include "core/jpeg_header.h"
#include "core/png_image.h"

namespace {

using namespace betonfs;

constexpr uint64_t kMaxPixels = 1 << 16;  // decoding more costs time and shows nothing new

void FuzzJpeg(Bytes file) {
  static JpegHeaderParser parser;
  static JpegDecoder decoder;
  const JpegHeader whole = parser.Parse(file);
  // A header that is found in a part is that of the whole.
  const JpegHeader part = parser.Parse(file.first(file.size() / 2));
  if (part.state == JpegHeader::State::kJpeg &&
      (whole.state != part.state || whole.width != part.width || whole.height != part.height)) {
    abort();
  }
  if (whole.state != JpegHeader::State::kJpeg) return;
  if (uint64_t{whole.width} * whole.height <= kMaxPixels) (void)decoder.Decode(file);
}

void FuzzPng(Bytes file) {
  const auto size = PngSizeOf(file);
  if (!size || size->raw_size_bytes() > 3 * kMaxPixels) return;
  const auto pixels = DecodePng(file, "fuzz");
  if (pixels && pixels->size() != size->raw_size_bytes()) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes file = std::as_bytes(std::span(data, size));
  FileInspector inspector;
  (void)inspector.Inspect(file, file.size(), -1, "fuzz");
  FuzzJpeg(file);
  FuzzPng(file);
  return 0;
}
