// The frame header of a JPEG, read through libjpeg: all that an image cell needs to know.
#pragma once

#include <cstdint>
#include <memory>

#include "core/bytes.h"

namespace betonfs {

struct JpegHeader {
  enum class State {
    kJpeg,       // the numbers below are those of the frame
    kNeedsMore,  // a JPEG so far, but the frame or scan header lies behind the bytes given
    kNotJpeg,    // something else, or a JPEG libjpeg cannot decode (lossless, 12 bit)
  };
  State state = State::kNotJpeg;
  uint16_t width = 0;
  uint16_t height = 0;
  uint8_t num_components = 0;  // 1 grey, 3 colour, 4 CMYK

  // FFCV decodes one and three components and silently fails on CMYK.
  bool IsDecodableByFfcv() const {
    return state == State::kJpeg && (num_components == 1 || num_components == 3);
  }
};

// Keeps one decompressor for all headers it reads, because making it costs more than reading one.
// One thread at a time: give each its own.
class JpegHeaderParser {
 public:
  JpegHeaderParser();
  ~JpegHeaderParser();

  // `prefix` are the first bytes of a file, not kept.  Reads up to the first scan and no pixels.
  JpegHeader Parse(Bytes prefix);

 private:
  struct Decompressor;
  std::unique_ptr<Decompressor> decompressor_;
};

// Whether `prefix` starts as every JPEG does: the cheap question to ask first.
inline bool LooksLikeJpeg(Bytes prefix) {
  return prefix.size() >= 3 && prefix[0] == std::byte{0xff} && prefix[1] == std::byte{0xd8} &&
         prefix[2] == std::byte{0xff};
}

}  // namespace betonfs
