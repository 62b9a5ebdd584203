#include "core/dataset_summary.h"

#include <algorithm>
#include <bit>
#include <map>
#include <nlohmann/json.hpp>

namespace betonfs {
namespace {

FieldSummary Describe(const Field& field) {
  FieldSummary summary;
  summary.name = field.name;
  summary.type = FieldTypeName(field.type);
  summary.shape = field.array.shape;
  summary.dtype = field.array.descr;
  summary.cell_offset = field.cell_offset;
  return summary;
}

const Field* LabelField(const Schema& schema) {
  const Field* label = schema.Find("label");
  if (label && label->type == FieldType::kInt) return label;
  for (const Field& field : schema.fields()) {
    if (field.type == FieldType::kInt) return &field;
  }
  return nullptr;
}

void AddImage(const Payload& payload, FieldSummary& field) {
  const bool is_first = field.num_jpeg + field.num_raw == 0;
  (payload.is_jpeg ? field.num_jpeg : field.num_raw) += 1;
  field.min_width = is_first ? payload.width : std::min(field.min_width, payload.width);
  field.max_width = std::max(field.max_width, payload.width);
  field.min_height = is_first ? payload.height : std::min(field.min_height, payload.height);
  field.max_height = std::max(field.max_height, payload.height);
}

// Collects what all samples add up to.
class Summarizer {
 public:
  Summarizer(const Dataset& dataset, DatasetSummary& summary)
      : dataset_(dataset), summary_(summary), label_(LabelField(dataset.schema())) {}

  void Run() {
    for (uint64_t i = 0; i < dataset_.num_samples(); ++i) {
      if (const Status added = AddSample(SampleIndex{i}); !added) {
        if (summary_.num_bad_samples++ == 0) summary_.first_problem = added.error().message;
      }
    }
    if (last_byte_ > 0) {
      summary_.num_pages = dataset_.PageOf(last_byte_) - dataset_.PageOf(first_byte_) + 1;
    }
    FinishClasses();
  }

 private:
  Status AddSample(SampleIndex sample) {
    RETURN_IF_ERROR(AddPayloads(sample));
    return label_ ? AddLabel(sample) : Status{};
  }

  Status AddPayloads(SampleIndex sample) {
    payloads_.clear();
    for (const Field& field : dataset_.schema().fields()) {
      if (!field.has_payload) continue;
      ASSIGN_OR_RETURN(Payload payload, dataset_.PayloadOf(sample, field));
      payloads_.push_back(payload);
    }
    uint64_t sample_size = 0;
    size_t next = 0;
    for (const Field& field : dataset_.schema().fields()) {
      if (!field.has_payload) continue;
      const Payload& payload = payloads_[next++];
      FieldSummary& described = summary_.fields[dataset_.schema().NumberOf(field)];
      described.payload_bytes += payload.bytes.size();
      sample_size += payload.bytes.size();
      if (field.type == FieldType::kRgbImage) AddImage(payload, described);
      AddExtent(payload);
    }
    summary_.payload_bytes += sample_size;
    summary_.largest_sample_bytes = std::max(summary_.largest_sample_bytes, sample_size);
    summary_.num_oversize_samples += sample_size > dataset_.page_size_bytes() ? 1 : 0;
    summary_.sizes[static_cast<size_t>(std::bit_width(sample_size))] += 1;
    return {};
  }

  void AddExtent(const Payload& payload) {
    if (payload.bytes.empty()) return;
    first_byte_ = std::min(first_byte_, payload.offset);
    last_byte_ = std::max(last_byte_, payload.offset + payload.bytes.size() - 1);
  }

  Status AddLabel(SampleIndex sample) {
    if (summary_.has_too_many_classes) return {};
    ASSIGN_OR_RETURN(const Bytes row, dataset_.Row(sample));
    const int64_t label = ReadInt(row, *label_);
    const auto [at, is_new] = classes_.try_emplace(label, ClassSummary{label, 0, sample, {}});
    at->second.num_samples += 1;
    if (is_new && classes_.size() > kMaxClasses) {
      summary_.has_too_many_classes = true;
      classes_.clear();
    }
    return {};
  }

  void FinishClasses() {
    if (label_) summary_.label_field = label_->name;
    for (auto& [label, described] : classes_) {
      if (dataset_.index()) {
        described.first_path = dataset_.index()->PathOf(described.first_sample).value_or("");
      }
      summary_.classes.push_back(std::move(described));
    }
  }

  const Dataset& dataset_;
  DatasetSummary& summary_;
  const Field* label_;
  std::vector<Payload> payloads_;
  std::map<int64_t, ClassSummary> classes_;
  uint64_t first_byte_ = ~uint64_t{0};
  uint64_t last_byte_ = 0;
};

nlohmann::ordered_json FieldAsJson(const FieldSummary& field) {
  nlohmann::ordered_json json{
      {"name", field.name}, {"type", field.type}, {"cell_offset", field.cell_offset}};
  if (!field.dtype.empty()) {
    json["shape"] = field.shape;
    json["dtype"] = field.dtype;
  }
  if (field.payload_bytes > 0) json["payload_bytes"] = field.payload_bytes;
  if (field.num_jpeg + field.num_raw > 0) {
    json["jpeg"] = field.num_jpeg;
    json["raw"] = field.num_raw;
    json["width"] = {field.min_width, field.max_width};
    json["height"] = {field.min_height, field.max_height};
  }
  return json;
}

nlohmann::ordered_json ClassAsJson(const ClassSummary& described) {
  nlohmann::ordered_json json{{"label", described.label},
                              {"samples", described.num_samples},
                              {"first_sample", Number(described.first_sample)}};
  if (!described.first_path.empty()) json["first_path"] = described.first_path;
  return json;
}

}  // namespace

double DatasetSummary::fill() const {
  if (num_pages == 0) return 0;
  return static_cast<double>(payload_bytes) /
         (static_cast<double>(num_pages) * static_cast<double>(page_size_bytes));
}

DatasetSummary Summarize(const Dataset& dataset) {
  DatasetSummary summary;
  summary.path = dataset.path();
  summary.file_size_bytes = dataset.bytes().size();
  summary.num_samples = dataset.num_samples();
  summary.page_size_bytes = dataset.page_size_bytes();
  summary.row_size_bytes = dataset.schema().row_size_bytes();
  for (const Field& field : dataset.schema().fields()) summary.fields.push_back(Describe(field));
  if (const IndexView* index = dataset.index()) {
    summary.has_index = true;
    summary.num_directories = index->num_directories() - 1;  // there is always a root
    summary.index_size_bytes = index->region().size;
  }
  if (dataset.index_error()) summary.index_problem = dataset.index_error()->message;
  Summarizer(dataset, summary).Run();
  return summary;
}

std::string SummaryAsJson(const DatasetSummary& summary) {
  nlohmann::ordered_json json{
      {"file", summary.path},
      {"file_size_bytes", summary.file_size_bytes},
      {"samples", summary.num_samples},
      {"page_size_bytes", summary.page_size_bytes},
      {"pages", summary.num_pages},
      {"fill", summary.fill()},
      {"row_size_bytes", summary.row_size_bytes},
      {"payload_bytes", summary.payload_bytes},
      {"largest_sample_bytes", summary.largest_sample_bytes},
      {"oversize_samples", summary.num_oversize_samples},
      {"bad_samples", summary.num_bad_samples},
  };
  if (!summary.first_problem.empty()) json["first_problem"] = summary.first_problem;
  json["index"] = {{"present", summary.has_index},
                   {"directories", summary.num_directories},
                   {"size_bytes", summary.index_size_bytes}};
  if (!summary.index_problem.empty()) json["index"]["problem"] = summary.index_problem;
  json["fields"] = nlohmann::ordered_json::array();
  for (const FieldSummary& field : summary.fields) json["fields"].push_back(FieldAsJson(field));
  if (!summary.label_field.empty()) {
    json["label_field"] = summary.label_field;
    json["classes"] = nlohmann::ordered_json::array();
    for (const ClassSummary& one : summary.classes) json["classes"].push_back(ClassAsJson(one));
    if (summary.has_too_many_classes) json["classes"] = nullptr;
  }
  json["size_histogram"] = nlohmann::ordered_json::array();
  for (size_t k = 0; k < summary.sizes.size(); ++k) {
    if (summary.sizes[k] == 0) continue;
    const uint64_t from = k == 0 ? 0 : uint64_t{1} << (k - 1);
    json["size_histogram"].push_back({{"from_bytes", from}, {"samples", summary.sizes[k]}});
  }
  // Names come from anywhere; bytes that are no UTF-8 become U+FFFD instead of an exception.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace betonfs
