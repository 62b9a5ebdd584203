// Names made from sample numbers, and back: "00000017.jpg", "000017.label.cls".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dataset.h"
#include "core/result.h"
#include "fs/shards.h"

namespace betonfs {

// What one field of every sample is called: the number, `middle` and the extension of the field.
struct NamedField {
  uint16_t field = 0;
  std::string middle;  // "" or ".label"
};

// Arithmetic; nothing per sample.  Borrows the Shards; any thread may call anything.
class SampleNames {
 public:
  using Buffer = std::array<char, 512>;
  struct Parsed {
    SampleIndex sample;
    size_t which;  // of fields()
  };

  // Names the samples of `range` by their place in it, with at least `min_digits` digits and as
  // many for all.
  SampleNames(const Shards& shards, SampleRange range, std::vector<NamedField> fields,
              size_t min_digits, RawView raw_view);

  const std::vector<NamedField>& fields() const { return fields_; }
  SampleRange range() const { return range_; }
  RawView raw_view() const { return raw_view_; }

  // The result lies in `buffer`.  A sample too damaged to tell its extension gets the usual one of
  // its field.
  std::string_view Format(SampleIndex sample, size_t which, Buffer& buffer) const;
  // nullopt if no sample of the range has this name.
  std::optional<Parsed> Parse(std::string_view name) const;

 private:
  std::string_view Extension(SampleIndex sample, uint16_t field) const;

  const Shards* shards_;
  SampleRange range_;
  std::vector<NamedField> fields_;
  size_t num_digits_;
  RawView raw_view_;
};

// The middle names that tell the fields of a schema apart in one directory: ".image", ".label".
// One lone payload field needs none.  '/' becomes '_', a name of nothing "field3", and one that
// clashes gets the number of its field.
std::vector<NamedField> NameAllFields(const Schema& schema);

// How many digits all numbers in [0, count) need.
size_t NumDigits(uint64_t count);

// `number` zero-padded to `num_digits`, appended to `out`.
void AppendPadded(std::string& out, uint64_t number, size_t num_digits);

// A decimal number of exactly `num_digits` digits.
std::optional<uint64_t> ParsePadded(std::string_view text, size_t num_digits);

}  // namespace betonfs
