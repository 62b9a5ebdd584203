#include "fs/info_document.h"

#include <nlohmann/json.hpp>

namespace betonfs {
namespace {

using Json = nlohmann::ordered_json;

Json FieldAsJson(const Field& field) {
  Json json = {{"name", field.name}, {"type", FieldTypeName(field.type)}};
  const bool array = field.type == FieldType::kNdArray || field.type == FieldType::kTorchTensor;
  if (array) {
    json["shape"] = field.array.shape;
    json["dtype"] = field.array.descr;
  }
  return json;
}

Json FileAsJson(const Shard& shard) {
  const Dataset& dataset = *shard.dataset;
  Json json = {{"path", dataset.path()},
               {"first_sample", shard.first_sample},
               {"num_samples", dataset.num_samples()},
               {"size_bytes", dataset.bytes().size()},
               {"page_size_bytes", dataset.page_size_bytes()},
               {"stores_paths", dataset.index() != nullptr}};
  if (const Error* error = dataset.index_error()) json["index_error"] = error->message;
  return json;
}

}  // namespace

std::shared_ptr<const Document> InfoDocument(const Tree& tree) {
  const Shards& shards = tree.shards();
  const Schema& schema = shards.schema();
  const uint16_t main_field = tree.main_field();
  Json json = {{"tree", TreeName(tree.kind())}, {"num_samples", shards.num_samples()},
               {"fields", Json::array()},       {"main_field", nullptr},
               {"label_field", nullptr},        {"files", Json::array()}};
  for (const Field& field : schema.fields()) json["fields"].push_back(FieldAsJson(field));
  if (main_field < schema.fields().size()) json["main_field"] = schema.fields()[main_field].name;
  if (tree.label_field()) json["label_field"] = tree.label_field()->name;
  for (const Shard& shard : shards.all()) json["files"].push_back(FileAsJson(shard));
  // Names in the file may be any bytes; JSON is UTF-8.
  return TextDocument(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace betonfs
