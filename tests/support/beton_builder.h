// Small .beton files made by hand, without the code under test: any mix of fields, any order of the
// table, an index region, and damage on request.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/format.h"
#include "core/schema.h"

namespace betonfs::test {

// The value of one field of one sample.
struct Value {
  int64_t integer = 0;
  double real = 0;
  std::string payload;
  uint8_t mode = 0;  // RawRgbCell
  uint16_t width = 0;
  uint16_t height = 0;
};
Value Int(int64_t integer);
Value Float(double real);
Value Jpeg(std::string bytes, uint16_t width = 8, uint16_t height = 8);
Value Rgb(uint16_t width, uint16_t height, std::string pixels);
Value Blob(std::string bytes);  // bytes, arrays, custom
Value JsonText(std::string text);

// The index region before it is sealed: change what you like, checksums follow.
struct HandIndex {
  std::vector<RawDirectory> directories;
  std::vector<RawEntry> entries;
  std::string names;
  std::vector<RawSample> samples;
};

class BetonBuilder {
 public:
  enum class TableOrder { kBySample, kReversed, kShuffled };
  // kOwn: a zero-length payload burns a byte.  kFfcv: it has the offset of the next payload.
  enum class ZeroLength { kOwn, kFfcv };

  BetonBuilder& PageSize(uint32_t bytes);  // 4096 if not called
  BetonBuilder& Field(FieldType type, std::string name, std::vector<uint64_t> shape = {},
                      std::string descr = "");
  BetonBuilder& Sample(std::vector<Value> values);
  BetonBuilder& Order(TableOrder order);
  BetonBuilder& ZeroLengths(ZeroLength rule);
  // Gives the file an index region: one relative path per sample.
  BetonBuilder& Paths(std::vector<std::string> paths);
  BetonBuilder& EditTable(std::function<void(std::vector<RawTableRow>&)> edit);
  BetonBuilder& EditIndex(std::function<void(HandIndex&)> edit);
  BetonBuilder& EditTrailer(std::function<void(RawTrailer&)> edit);  // before its checksum

  // The file.  Deterministic; may be called again.
  std::string Build() const;

 private:
  struct FieldSpec {
    FieldType type;
    std::string name;
    std::vector<uint64_t> shape;
    std::string descr;
  };
  struct Parts;
  void AddFields(Parts& parts) const;
  void AddSamples(Parts& parts) const;
  void OrderTable(Parts& parts) const;
  HandIndex MakeIndex() const;
  std::string SealIndex(const Parts& parts, const HandIndex& index, uint64_t offset) const;

  uint32_t page_size_bytes_ = 4096;
  std::vector<FieldSpec> fields_;
  std::vector<std::vector<Value>> samples_;
  TableOrder order_ = TableOrder::kBySample;
  ZeroLength zero_length_ = ZeroLength::kOwn;
  std::vector<std::string> paths_;
  std::function<void(std::vector<RawTableRow>&)> edit_table_;
  std::function<void(HandIndex&)> edit_index_;
  std::function<void(RawTrailer&)> edit_trailer_;
};

// Three samples with an image, bytes, JSON, an array, an Int and a Float: every kind of cell.
BetonBuilder MixedBeton();
// Four JPEGs with labels in two directories, with an index region.
BetonBuilder NamedBeton();

// Overwrites bytes of a file image with a file integer or struct.
template <class T>
void Poke(std::string& file, uint64_t offset, const T& value) {
  file.replace(offset, sizeof value, reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T>
T Peek(const std::string& file, uint64_t offset) {
  T value;
  file.copy(reinterpret_cast<char*>(&value), sizeof value, offset);
  return value;
}

}  // namespace betonfs::test
