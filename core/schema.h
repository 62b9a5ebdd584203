// What a sample is made of: the field descriptors, and where each field's cell lies in a row.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/format.h"
#include "core/result.h"

namespace betonfs {

enum class FieldType : uint8_t {
  kFloat = 0,
  kInt = 1,
  kRgbImage = 2,
  kBytes = 3,
  kNdArray = 4,
  kJson = 5,
  kTorchTensor = 6,
  // A class of the user's.  Its cell is not described in the file; read as an array field's, which
  // is what FFCV users derive from, and each sample is checked against the allocation table.
  kCustom = 255,
};

const char* FieldTypeName(FieldType type);  // "float", "int", "image", "bytes", "ndarray", ...

// Shape and dtype of an array field.
struct ArrayType {
  // Trailing zero dimensions are lost in the file: (3, 0) reads as (3,), and as its payloads are
  // empty, its samples are damaged to every reader.  All zeros, which FFCV does not load, is what
  // it writes for (0,), and read as that.
  std::vector<uint64_t> shape;
  std::string descr;  // JSON as stored, e.g. [["", "<f4"]]
  uint64_t item_size_bytes = 0;
  uint64_t payload_size_bytes = 0;  // product of shape * item size
  std::string npy_header;           // .npy v1 header, a multiple of 64 bytes, ready to put in front
};

struct Field {
  FieldType type = FieldType::kBytes;
  std::string name;  // cut at the first NUL
  uint32_t cell_offset = 0;
  uint32_t cell_size_bytes = 0;
  bool has_payload = false;      // false for Float and Int, which live in the row alone
  uint32_t payload_number = 0;   // among the payload fields of the schema, if it has one
  ArrayType array;               // NDArray and TorchTensor only
  std::string custom_arguments;  // custom only: its 1024 argument bytes, carried along unread
};

// Immutable after it is made; any thread may read it.
class Schema {
 public:
  // `descriptors` holds num_fields descriptors.  `path` is for messages.
  // Errors: kUnsupported  unknown type id, a dtype that numpy cannot store or does not have
  //         kCorrupt      a name with bytes >= 0x80, a payload size of 2^63 or more
  static Result<Schema> Parse(Bytes descriptors, uint16_t num_fields, const std::string& path);

  Schema() = default;  // no fields: to be assigned to

  // For writers: lays the fields out by numpy's rule.  Only type, name, array.{shape,descr} and
  // custom_arguments of each field are read.  Error kInvalidArgument: names empty after cutting to
  // 16 bytes or equal to another, not ASCII, a shape or dtype FFCV cannot read.
  static Result<Schema> Make(std::vector<Field> fields);

  const std::vector<Field>& fields() const { return fields_; }
  uint64_t row_size_bytes() const { return row_size_bytes_; }
  uint32_t num_payloads() const { return num_payloads_; }  // per sample
  const Field& payload_field(uint32_t payload_number) const;
  // nullptr if there is none of that name; the first if there are several.
  const Field* Find(std::string_view name) const;
  // Which of fields() `field` is.
  uint16_t NumberOf(const Field& field) const {
    return static_cast<uint16_t>(&field - fields_.data());
  }

  // The descriptors as they go into a file: 1,041 bytes each.
  std::string Serialize() const;

  // Same fields, types, shapes and dtypes in the same order.
  bool SameAs(const Schema& other) const;

 private:
  explicit Schema(std::vector<Field> fields);

  std::vector<Field> fields_;
  std::vector<uint16_t> payload_fields_;
  uint64_t row_size_bytes_ = 0;
  uint32_t num_payloads_ = 0;
};

// Readers and writers of cells.  `row` is a whole row of the schema the field belongs to.
double ReadFloat(Bytes row, const Field& field);
int64_t ReadInt(Bytes row, const Field& field);
RawRgbCell ReadRgb(Bytes row, const Field& field);
RawBytesCell ReadBytesCell(Bytes row, const Field& field);  // Bytes and JSON
uint64_t ReadPayloadOffset(Bytes row, const Field& field);  // of any field with a payload

void WriteFloat(MutableBytes row, const Field& field, double value);
void WriteInt(MutableBytes row, const Field& field, int64_t value);
void WriteRgb(MutableBytes row, const Field& field, const RawRgbCell& cell);
void WriteBytesCell(MutableBytes row, const Field& field, Extent payload);
void WriteArrayCell(MutableBytes row, const Field& field, uint64_t payload_offset);

}  // namespace betonfs
