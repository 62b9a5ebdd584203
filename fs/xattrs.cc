#include "fs/xattrs.h"

#include <cstdio>

namespace betonfs {
namespace {

using Value = std::optional<std::string>;

std::string Hex16(uint64_t value) {
  char digits[17];
  snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

// One line of text, as the file of a scalar field shows it.
Result<Value> ScalarValue(const Shards::LocalSample& sample, uint16_t field) {
  ASSIGN_OR_RETURN(const FileContents contents,
                   sample.shard->viewer->Contents(sample.index, field, RawView::kPpm));
  std::string text(AsText(contents.header()));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Result<Value> StoredHash(const Shards::LocalSample& sample) {
  const IndexView* index = sample.shard->dataset->index();
  if (!index) return std::nullopt;
  ASSIGN_OR_RETURN(const SampleRecord record, index->SampleAt(sample.index));
  return Hex16(record.xxh3);
}

Result<Value> PayloadValue(const Shards::LocalSample& sample, const Field& field,
                           std::string_view name) {
  const bool image = field.type == FieldType::kRgbImage;
  if (!field.has_payload || (!image && (name == "width" || name == "height" || name == "mode"))) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(const Payload payload, sample.shard->dataset->PayloadOf(sample.index, field));
  if (name == "offset") return std::to_string(payload.offset);
  if (name == "size") return std::to_string(payload.bytes.size());
  if (name == "page") return std::to_string(sample.shard->dataset->PageOf(payload.offset));
  if (name == "width") return std::to_string(payload.width);
  if (name == "height") return std::to_string(payload.height);
  return payload.is_jpeg ? "jpg" : "raw";
}

bool IsPayloadValue(std::string_view name) {
  return name == "offset" || name == "size" || name == "page" || name == "width" ||
         name == "height" || name == "mode";
}

}  // namespace

Result<Value> XattrOf(const Tree& tree, Ino file, std::string_view name) {
  if (!file.is_file() || Number(file.sample()) >= tree.shards().num_samples()) return std::nullopt;
  if (!name.starts_with(kXattrPrefix)) return std::nullopt;
  name.remove_prefix(kXattrPrefix.size());

  const Schema& schema = tree.shards().schema();
  const Shards::LocalSample sample = tree.shards().Locate(file.sample());
  const Field* shown =
      file.field() < schema.fields().size() ? &schema.fields()[file.field()] : nullptr;
  if (name == "sample") return std::to_string(Number(file.sample()));
  if (name == "field") return shown ? Value(shown->name) : std::nullopt;
  if (name == "file") return sample.shard->dataset->path();
  if (name == "xxh3") return StoredHash(sample);
  if (IsPayloadValue(name)) return shown ? PayloadValue(sample, *shown, name) : Value();
  if (name == "label" && tree.label_field()) {
    return ScalarValue(sample, schema.NumberOf(*tree.label_field()));
  }
  const Field* scalar = schema.Find(name);
  if (!scalar || scalar->has_payload) return std::nullopt;
  return ScalarValue(sample, schema.NumberOf(*scalar));
}

}  // namespace betonfs
