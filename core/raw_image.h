// Raw RGB pixels as picture files: PPM by a header in front, BMP and PNG rendered whole.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/bytes.h"
#include "core/format.h"

namespace betonfs {

// "P6\n640 480\n255\n".  Returns its length.
uint8_t WritePpmHeader(uint16_t width, uint16_t height, std::array<char, 32>& out);

// A rendered picture lies in memory whole; one larger than this is not rendered.
inline constexpr uint64_t kMaxRenderedSizeBytes = uint64_t{1} << 30;

// Size of the whole file in `view`.
uint64_t RawImageSizeBytes(uint16_t width, uint16_t height, RawView view);

// `rgb` holds height * width * 3 bytes.  kBmp: 24 bits, bottom-up.  kPng: 8-bit RGB in stored
// deflate blocks, so that its size is known beforehand.  Costs the size of the file in memory.
std::string RenderRawImage(Bytes rgb, uint16_t width, uint16_t height, RawView view);

}  // namespace betonfs
