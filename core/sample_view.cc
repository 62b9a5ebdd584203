#include "core/sample_view.h"

#include <cassert>
#include <charconv>
#include <cmath>
#include <cstring>

#include "core/raw_image.h"
#include "core/text.h"

namespace betonfs {
namespace {

std::string_view ExtensionOfRaw(RawView view) {
  switch (view) {
    case RawView::kPpm:
      return "ppm";
    case RawView::kBmp:
      return "bmp";
    case RawView::kPng:
      return "png";
  }
  return "ppm";
}

// The least digits that read back as the same double: "0.1", "1.0", "1e+30", "nan".
std::string_view FormatFloat(double value, std::array<char, 32>& buffer) {
  if (std::isnan(value)) return "nan";
  char* end = std::to_chars(buffer.data(), buffer.data() + buffer.size() - 2, value).ptr;
  const std::string_view digits(buffer.data(), static_cast<size_t>(end - buffer.data()));
  if (std::isfinite(value) && digits.find_first_of(".e") == digits.npos) {
    *end++ = '.';
    *end++ = '0';
  }
  return {buffer.data(), static_cast<size_t>(end - buffer.data())};
}

// A JSON string in ASCII; names of fields are ASCII.
std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c < 0x20 || c == 0x7f) {
      out += "\\u" + Hex(static_cast<unsigned char>(c)).substr(12);
    } else {
      out += c;
    }
  }
  return out + '"';
}

void AppendScalar(std::string& out, Bytes row, const Field& field) {
  if (field.type == FieldType::kInt) {
    out += std::to_string(ReadInt(row, field));
    return;
  }
  const double value = ReadFloat(row, field);
  std::array<char, 32> buffer;
  if (std::isfinite(value)) {
    out += FormatFloat(value, buffer);
  } else {
    out += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  }
}

std::string ScalarsJson(Bytes row, const Schema& schema) {
  std::string out = "{";
  for (const Field& field : schema.fields()) {
    if (field.has_payload) continue;
    if (out.size() > 1) out += ", ";
    out += JsonString(field.name) + ": ";
    AppendScalar(out, row, field);
  }
  return out + "}\n";
}

// The pixels of a hostile file may be a hole: 65535 x 65535 of them cost nothing but here.
Status CheckRenderedSize(const Payload& payload, RawView raw_view, const std::string& path,
                         SampleIndex sample) {
  const uint64_t size_bytes = RawImageSizeBytes(payload.width, payload.height, raw_view);
  if (raw_view == RawView::kPpm || size_bytes <= kMaxRenderedSizeBytes) return {};
  return Fail(ErrorKind::kUnsupported,
              Cat(path, ": sample ", Number(sample), ": a picture of ", payload.width, " x ",
                  payload.height, " makes a file of ", size_bytes, " bytes, and at most ",
                  kMaxRenderedSizeBytes, " are rendered (raw=ppm has no limit)"));
}

// JSON as FFCV stores it ends in a NUL; a text file does not.
Bytes WithoutNul(Bytes json) {
  return !json.empty() && json.back() == std::byte{0} ? json.first(json.size() - 1) : json;
}

}  // namespace

uint16_t SampleViewer::PrimaryField() const {
  constexpr FieldType kOrder[][2] = {{FieldType::kRgbImage, FieldType::kRgbImage},
                                     {FieldType::kBytes, FieldType::kCustom},
                                     {FieldType::kNdArray, FieldType::kTorchTensor},
                                     {FieldType::kJson, FieldType::kJson}};
  const Schema& schema = dataset_->schema();
  for (const auto& types : kOrder) {
    for (const Field& field : schema.fields()) {
      if (field.type == types[0] || field.type == types[1]) return schema.NumberOf(field);
    }
  }
  return kScalarsField;
}

Result<std::string_view> SampleViewer::Extension(SampleIndex sample, uint16_t number,
                                                 RawView raw_view) const {
  if (number == kScalarsField) return "json";
  const Field& field = dataset_->schema().fields()[number];
  switch (field.type) {
    case FieldType::kFloat:
      return "txt";
    case FieldType::kInt:
      return "cls";
    case FieldType::kRgbImage: {
      ASSIGN_OR_RETURN(const Bytes row, dataset_->Row(sample));
      return ReadRgb(row, field).mode == 0 ? "jpg" : ExtensionOfRaw(raw_view);
    }
    case FieldType::kNdArray:
    case FieldType::kTorchTensor:
      return "npy";
    case FieldType::kJson:
      return "json";
    case FieldType::kBytes:
    case FieldType::kCustom:
      return "bin";
  }
  return "bin";
}

Result<uint64_t> SampleViewer::SizeBytes(SampleIndex sample, uint16_t number,
                                         RawView raw_view) const {
  if (number != kScalarsField) {
    const Field& field = dataset_->schema().fields()[number];
    if (field.type == FieldType::kRgbImage && raw_view != RawView::kPpm) {
      ASSIGN_OR_RETURN(const Payload payload, dataset_->PayloadOf(sample, field));
      if (!payload.is_jpeg) return RawImageSizeBytes(payload.width, payload.height, raw_view);
    }
  }
  ASSIGN_OR_RETURN(const FileContents contents, Contents(sample, number, raw_view));
  return contents.size_bytes();
}

Result<FileContents> SampleViewer::Contents(SampleIndex sample, uint16_t number,
                                            RawView raw_view) const {
  const Schema& schema = dataset_->schema();
  assert(number == kScalarsField || number < schema.fields().size());
  FileContents contents;
  if (number == kScalarsField || !schema.fields()[number].has_payload) {
    ASSIGN_OR_RETURN(const Bytes row, dataset_->Row(sample));
    if (number == kScalarsField) {
      contents.owned_ = ScalarsJson(row, schema);
    } else {
      contents.SetScalar(row, schema.fields()[number]);
    }
    return contents;
  }

  const Field& field = schema.fields()[number];
  ASSIGN_OR_RETURN(const Payload payload, dataset_->PayloadOf(sample, field));
  contents.payload_ = payload.bytes;
  contents.payload_offset_ = payload.offset;
  if (field.type == FieldType::kJson) {
    contents.payload_ = WithoutNul(payload.bytes);
  } else if (!field.array.npy_header.empty()) {
    contents.shared_header_ = AsBytes(field.array.npy_header);
  } else if (field.type == FieldType::kRgbImage && !payload.is_jpeg) {
    RETURN_IF_ERROR(CheckRenderedSize(payload, raw_view, dataset_->path(), sample));
    contents.SetRawImage(payload, raw_view);
  }
  return contents;
}

void FileContents::SetScalar(Bytes row, const Field& field) {
  char* end;
  if (field.type == FieldType::kInt) {
    end = std::to_chars(small_header_.data(), small_header_.data() + small_header_.size(),
                        ReadInt(row, field))
              .ptr;
  } else {
    std::array<char, 32> buffer;
    const std::string_view text = FormatFloat(ReadFloat(row, field), buffer);
    end = small_header_.data() + text.copy(small_header_.data(), text.size());
  }
  *end++ = '\n';
  small_size_ = static_cast<uint8_t>(end - small_header_.data());
}

void FileContents::SetRawImage(const Payload& payload, RawView raw_view) {
  if (raw_view == RawView::kPpm) {
    small_size_ = WritePpmHeader(payload.width, payload.height, small_header_);
    return;
  }
  owned_ = RenderRawImage(payload.bytes, payload.width, payload.height, raw_view);
  payload_ = {};
}

}  // namespace betonfs
