// Decodes JPEGs for nothing but the answer whether they decode.
#pragma once

#include <memory>
#include <string>

#include "core/bytes.h"

namespace betonfs {

struct JpegDecodeResult {
  enum class State {
    kWhole,    // every pixel is there
    kDamaged,  // libjpeg warned: a picture comes out, part of it grey or wrong
    kFailed,   // nothing comes out
    kTooLarge  // more than 2^28 pixels: not tried
  };
  State state = State::kWhole;
  std::string message;  // of libjpeg, empty if whole
};

// Keeps its decompressor and a line of pixels.  One thread at a time: give each its own.
class JpegDecoder {
 public:
  JpegDecoder();
  ~JpegDecoder();

  // Decodes all of `jpeg` to RGB, as FFCV does.
  JpegDecodeResult Decode(Bytes jpeg);

 private:
  struct Decompressor;
  std::unique_ptr<Decompressor> decompressor_;
};

}  // namespace betonfs
