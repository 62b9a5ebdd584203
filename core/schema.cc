#include "core/schema.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <optional>

#include "core/dtype.h"
#include "core/text.h"

namespace betonfs {
namespace {

constexpr uint64_t kMaxPayloadSizeBytes = (uint64_t{1} << 63) - 1;

bool IsArray(FieldType type) {
  return type == FieldType::kNdArray || type == FieldType::kTorchTensor;
}

bool IsKnown(uint8_t type_id) {
  return type_id <= static_cast<uint8_t>(FieldType::kTorchTensor) ||
         type_id == static_cast<uint8_t>(FieldType::kCustom);
}

// numpy packs the structs of images, bytes and JSON, which gives them alignment 1.
struct CellShape {
  uint32_t size_bytes;
  uint32_t alignment;
};
CellShape CellShapeOf(FieldType type) {
  switch (type) {
    case FieldType::kRgbImage:
      return {sizeof(RawRgbCell), 1};
    case FieldType::kBytes:
    case FieldType::kJson:
      return {sizeof(RawBytesCell), 1};
    default:
      return {8, 8};
  }
}

// Size of an array of `shape`; nullopt beyond 2^63.
std::optional<uint64_t> ArraySize(const std::vector<uint64_t>& shape, uint64_t item_size) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  uint64_t size = item_size;
  for (const uint64_t dimension : shape) {
    if (__builtin_mul_overflow(size, dimension, &size)) return std::nullopt;
  }
  if (size > kMaxPayloadSizeBytes) return std::nullopt;
  return size;
}

// Fills in what follows from shape and descr.  Errors without file name.
Status Complete(ArrayType& array) {
  ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(array.descr));
  const auto size = ArraySize(array.shape, dtype.item_size_bytes);
  if (!size) return Fail(ErrorKind::kCorrupt, "a shape of 2^63 bytes or more");
  array.item_size_bytes = dtype.item_size_bytes;
  array.payload_size_bytes = *size;
  array.npy_header = NpyHeader(dtype, array.shape);
  return {};
}

Result<ArrayType> ParseArrayArguments(const unsigned char* bytes) {
  RawArrayArguments raw;
  std::memcpy(&raw, bytes, sizeof raw);
  ArrayType array;
  size_t rank = kMaxDimensions;
  while (rank > 0 && raw.shape[rank - 1] == 0) --rank;
  for (size_t i = 0; i < rank; ++i) array.shape.push_back(raw.shape[i]);
  if (rank == 0) array.shape.push_back(0);
  const uint64_t descr_size = raw.descr_size_bytes;
  if (descr_size > sizeof raw.descr) {
    return Fail(ErrorKind::kCorrupt,
                Cat("a dtype text of ", descr_size, " bytes, expected at most ", sizeof raw.descr));
  }
  array.descr.assign(raw.descr, descr_size);
  RETURN_IF_ERROR(Complete(array));
  return array;
}

Result<std::string> ParseName(const char (&name)[kFieldNameSizeBytes]) {
  for (const char c : name) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      return Fail(ErrorKind::kCorrupt,
                  Cat("a name with the byte ", static_cast<unsigned char>(c), ", expected ASCII"));
    }
  }
  return std::string(name, strnlen(name, sizeof name));
}

Result<Field> ParseDescriptor(const RawFieldDescriptor& raw) {
  if (!IsKnown(raw.type_id)) {
    return Fail(ErrorKind::kUnsupported,
                Cat("type ", raw.type_id, ", expected 0 to 6 or 255 (custom)"));
  }
  Field field;
  field.type = static_cast<FieldType>(raw.type_id);
  ASSIGN_OR_RETURN(field.name, ParseName(raw.name));
  if (IsArray(field.type)) {
    ASSIGN_OR_RETURN(field.array, ParseArrayArguments(raw.arguments));
  } else if (field.type == FieldType::kCustom) {
    field.custom_arguments.assign(reinterpret_cast<const char*>(raw.arguments),
                                  sizeof raw.arguments);
  }
  return field;
}

// numpy's rule for struct align=True.  Returns the size of a row.
uint64_t LayOutCells(std::vector<Field>& fields) {
  uint64_t end = 0;
  uint64_t row_alignment = 1;
  for (Field& field : fields) {
    const CellShape cell = CellShapeOf(field.type);
    field.cell_offset = static_cast<uint32_t>(AlignUp(end, cell.alignment));
    field.cell_size_bytes = cell.size_bytes;
    end = field.cell_offset + uint64_t{cell.size_bytes};
    row_alignment = std::max<uint64_t>(row_alignment, cell.alignment);
  }
  return AlignUp(end, row_alignment);
}

tl::unexpected<Error> BadField(const Field& field, std::string_view why) {
  return Fail(ErrorKind::kInvalidArgument, Cat("field \"", field.name, "\": ", why));
}

// What a writer may put into a file: FFCV must be able to read it.
Status CheckForWriting(Field& field) {
  if (field.name.size() > kFieldNameSizeBytes) field.name.resize(kFieldNameSizeBytes);
  if (field.name.empty()) return BadField(field, "the name is empty");
  for (const char c : field.name) {
    if (c == 0 || static_cast<unsigned char>(c) >= 0x80) {
      return BadField(field, "the name is not ASCII");
    }
  }
  if (field.type == FieldType::kCustom &&
      field.custom_arguments.size() > kFieldArgumentsSizeBytes) {
    return BadField(field, "arguments of more than 1024 bytes");
  }
  if (!IsArray(field.type)) return {};
  if (field.array.shape.empty() || field.array.shape.size() > kMaxDimensions) {
    return BadField(field, "a shape without dimensions or with more than 32");
  }
  // FFCV finds the rank by the last dimension that is not zero.
  if (field.array.shape.back() == 0) return BadField(field, "the last dimension is zero");
  if (field.array.descr.size() > sizeof RawArrayArguments::descr) {
    return BadField(field, "the dtype takes too much room");
  }
  if (auto status = Complete(field.array); !status) return BadField(field, status.error().message);
  return {};
}

}  // namespace

const char* FieldTypeName(FieldType type) {
  switch (type) {
    case FieldType::kFloat:
      return "float";
    case FieldType::kInt:
      return "int";
    case FieldType::kRgbImage:
      return "image";
    case FieldType::kBytes:
      return "bytes";
    case FieldType::kNdArray:
      return "ndarray";
    case FieldType::kJson:
      return "json";
    case FieldType::kTorchTensor:
      return "tensor";
    case FieldType::kCustom:
      return "custom";
  }
  return "unknown";
}

Result<Schema> Schema::Parse(Bytes descriptors, uint16_t num_fields, const std::string& path) {
  assert(descriptors.size() == num_fields * sizeof(RawFieldDescriptor));
  std::vector<Field> fields;
  for (uint16_t i = 0; i < num_fields; ++i) {
    const size_t offset = i * sizeof(RawFieldDescriptor);
    RawFieldDescriptor raw;
    std::memcpy(&raw, descriptors.data() + offset, sizeof raw);
    auto field = ParseDescriptor(raw);
    if (!field) {
      return Fail(field.error().kind, Cat(path, ": field ", i, " at offset ",
                                          sizeof(RawHeader) + offset, ": ", field.error().message));
    }
    fields.push_back(std::move(*field));
  }
  return Schema(std::move(fields));
}

Result<Schema> Schema::Make(std::vector<Field> fields) {
  for (size_t i = 0; i < fields.size(); ++i) {
    RETURN_IF_ERROR(CheckForWriting(fields[i]));
    for (size_t k = 0; k < i; ++k) {
      if (fields[k].name == fields[i].name) {
        return BadField(fields[i], "two fields have this name (16 bytes of a name count)");
      }
    }
  }
  if (fields.empty() || fields.size() > UINT16_MAX) {
    return Fail(ErrorKind::kInvalidArgument, Cat(fields.size(), " fields, expected 1 to 65535"));
  }
  return Schema(std::move(fields));
}

Schema::Schema(std::vector<Field> fields) : fields_(std::move(fields)) {
  row_size_bytes_ = LayOutCells(fields_);
  for (Field& field : fields_) {
    field.has_payload = field.type != FieldType::kFloat && field.type != FieldType::kInt;
    if (!field.has_payload) continue;
    field.payload_number = num_payloads_++;
    payload_fields_.push_back(NumberOf(field));
  }
}

const Field& Schema::payload_field(uint32_t payload_number) const {
  assert(payload_number < payload_fields_.size());
  return fields_[payload_fields_[payload_number]];
}

const Field* Schema::Find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::string Schema::Serialize() const {
  std::string out;
  for (const Field& field : fields_) {
    RawFieldDescriptor raw{};
    raw.type_id = static_cast<uint8_t>(field.type);
    std::memcpy(raw.name, field.name.data(), field.name.size());
    std::memcpy(raw.arguments, field.custom_arguments.data(), field.custom_arguments.size());
    if (IsArray(field.type)) {
      RawArrayArguments arguments{};
      std::copy(field.array.shape.begin(), field.array.shape.end(), arguments.shape);
      arguments.descr_size_bytes = field.array.descr.size();
      std::memcpy(arguments.descr, field.array.descr.data(), field.array.descr.size());
      std::memcpy(raw.arguments, &arguments, sizeof arguments);
    }
    out.append(reinterpret_cast<const char*>(&raw), sizeof raw);
  }
  return out;
}

bool Schema::SameAs(const Schema& other) const {
  return std::equal(fields_.begin(), fields_.end(), other.fields_.begin(), other.fields_.end(),
                    [](const Field& a, const Field& b) {
                      // The .npy header is the canonical spelling of shape and dtype.
                      return a.type == b.type && a.name == b.name &&
                             a.array.npy_header == b.array.npy_header &&
                             a.custom_arguments == b.custom_arguments;
                    });
}

namespace {

template <class T>
T ReadCell(Bytes row, const Field& field) {
  assert(sizeof(T) <= field.cell_size_bytes && field.cell_offset + sizeof(T) <= row.size());
  T cell;
  std::memcpy(&cell, row.data() + field.cell_offset, sizeof cell);
  return cell;
}

template <class T>
void WriteCell(MutableBytes row, const Field& field, const T& cell) {
  assert(sizeof(T) == field.cell_size_bytes && field.cell_offset + sizeof(T) <= row.size());
  std::memcpy(row.data() + field.cell_offset, &cell, sizeof cell);
}

}  // namespace

double ReadFloat(Bytes row, const Field& field) { return ReadCell<f64le>(row, field); }
int64_t ReadInt(Bytes row, const Field& field) { return ReadCell<i64le>(row, field); }
RawRgbCell ReadRgb(Bytes row, const Field& field) { return ReadCell<RawRgbCell>(row, field); }
RawBytesCell ReadBytesCell(Bytes row, const Field& field) {
  return ReadCell<RawBytesCell>(row, field);
}
uint64_t ReadPayloadOffset(Bytes row, const Field& field) {
  assert(field.has_payload);
  if (field.type == FieldType::kRgbImage) return ReadRgb(row, field).payload_offset;
  return ReadCell<u64le>(row, field);  // the first member of every other cell
}

void WriteFloat(MutableBytes row, const Field& field, double value) {
  WriteCell(row, field, f64le(value));
}
void WriteInt(MutableBytes row, const Field& field, int64_t value) {
  WriteCell(row, field, i64le(value));
}
void WriteRgb(MutableBytes row, const Field& field, const RawRgbCell& cell) {
  WriteCell(row, field, cell);
}
void WriteBytesCell(MutableBytes row, const Field& field, Extent payload) {
  WriteCell(row, field, RawBytesCell{payload.offset, payload.size});
}
void WriteArrayCell(MutableBytes row, const Field& field, uint64_t payload_offset) {
  WriteCell(row, field, RawArrayCell{payload_offset});
}

}  // namespace betonfs
