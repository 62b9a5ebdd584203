// A sample as a file: which extension it has, how long it is, and its bytes.
//
// Most views are a short made-up header in front of a slice of the mapping, which is never copied.
// BMP, PNG and the JSON line of scalars are rendered into memory instead.
#pragma once

#include <array>
#include <string>

#include "core/bytes.h"
#include "core/dataset.h"
#include "core/result.h"

namespace betonfs {

// What a file shows.
//   RGBImage  jpg mode: the JPEG as stored; raw: PPM (P6), or BMP or PNG on request
//   NDArray, TorchTensor  .npy v1    JSON  text without the closing NUL    Bytes, custom  as stored
//   Float, Int  one line of text: a Float's least digits that read back as the same number
//   all scalars  one JSON line; NaN, Infinity and -Infinity as Python's json spells them
class FileContents {
 public:
  Bytes header() const { return owned_.empty() ? header_bytes() : AsBytes(owned_); }
  Bytes payload() const { return payload_; }                   // in the mapping
  uint64_t payload_offset() const { return payload_offset_; }  // of payload(), in the dataset file
  uint64_t size_bytes() const { return header().size() + payload_.size(); }
  // Made in memory whole, at a cost that grows with the sample; the payload is empty.
  bool is_rendered() const { return !owned_.empty(); }

 private:
  friend class SampleViewer;
  void SetScalar(Bytes row, const Field& field);
  void SetRawImage(const Payload& payload, RawView raw_view);
  Bytes header_bytes() const {
    return shared_header_.empty() ? AsBytes({small_header_.data(), small_size_}) : shared_header_;
  }

  std::array<char, 32> small_header_{};
  uint8_t small_size_ = 0;
  Bytes shared_header_;  // of the schema: .npy; dies with the Dataset
  std::string owned_;    // rendered views
  Bytes payload_;
  uint64_t payload_offset_ = 0;
};

// Field number that stands for "all scalars of the sample as one JSON line".
inline constexpr uint16_t kScalarsField = 0xffff;

// Borrows the dataset; as thread-safe as it is.
class SampleViewer {
 public:
  explicit SampleViewer(const Dataset& dataset) : dataset_(&dataset) {}

  // The field a sample's one file shows: the first image, else bytes (custom included), else array,
  // else JSON, else kScalarsField.
  uint16_t PrimaryField() const;

  // Extension without dot: "jpg", "ppm", "bmp", "png", "npy", "json", "bin", "cls" (Int), "txt"
  // (Float). Errors as Dataset::PayloadOf: whether an image is a JPEG is per sample.
  Result<std::string_view> Extension(SampleIndex sample, uint16_t field, RawView raw_view) const;

  // Exact size of what Contents() returns, without touching payload bytes (JSON excepted: its NUL).
  Result<uint64_t> SizeBytes(SampleIndex sample, uint16_t field, RawView raw_view) const;

  // Errors as Dataset::PayloadOf, and kUnsupported for a picture too large to render.  No
  // allocation unless the view is rendered.
  Result<FileContents> Contents(SampleIndex sample, uint16_t field, RawView raw_view) const;

 private:
  const Dataset* dataset_;
};

}  // namespace betonfs
