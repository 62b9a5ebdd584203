// PNG files as the raw RGB pixels that an image field of raw mode holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"

namespace betonfs {

struct PngSize {
  uint16_t width = 0;
  uint16_t height = 0;
  uint64_t raw_size_bytes() const { return uint64_t{3} * width * height; }
};

// From the first 24 bytes of a file; nullopt if it is no PNG, or one of 0 or more than 65,535
// pixels a side, which an image field cannot hold, or of more than 1 GiB of pixels, which would
// have to be decoded into memory.
std::optional<PngSize> PngSizeOf(Bytes prefix);

// What a conversion to 8-bit RGB had to give up.
struct PngLoss {
  bool alpha = false;        // dropped, as PIL's convert("RGB") does; colours are not blended
  bool sixteen_bit = false;  // scaled to 8
};

// Decodes `file` whole: palette and grey become RGB, 16 bits are scaled to 8, alpha is dropped,
// gamma and colour profiles are ignored.  Rows top down, three bytes a pixel, no padding.
// Error kCorrupt: libpng's complaint, after `path`.
Result<std::vector<std::byte>> DecodePng(Bytes file, const std::string& path,
                                         PngLoss* loss = nullptr);

}  // namespace betonfs
