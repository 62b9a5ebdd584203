// What samples are shown as.  The first byte chooses: a dtype and its .npy header, or a raw image
// as PPM, BMP and PNG.
#include "core/dtype.h"
#include "core/raw_image.h"

namespace {

using namespace betonfs;

void FuzzNpy(std::string_view text) {
  const auto dtype = ParseDtype(text);
  if (!dtype) return;
  const std::string header = NpyHeader(*dtype, {3, 0, ~uint64_t{0}});
  if (header.size() % 64 != 0 || header.back() != '\n') abort();
}

// Two bytes of size, and pixels that are repeated as often as it takes.
void FuzzImage(std::string_view input) {
  if (input.size() < 3) return;
  const auto width = static_cast<uint8_t>(input[0]);
  const auto height = static_cast<uint8_t>(input[1]);
  std::string pixels;
  const size_t size = size_t{width} * height * 3;
  while (pixels.size() < size) pixels += input.substr(2);
  pixels.resize(size);
  for (const RawView view : {RawView::kPpm, RawView::kBmp, RawView::kPng}) {
    const std::string file = RenderRawImage(AsBytes(pixels), width, height, view);
    if (file.size() != RawImageSizeBytes(width, height, view)) abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    FuzzNpy(input);
  } else {
    FuzzImage(input);
  }
  return 0;
}
