#include "fs/manifests.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "core/escape_name.h"
#include "fs/label_index.h"

namespace betonfs {
namespace {

using Json = nlohmann::ordered_json;

std::string OneLine(const std::string& path) {
  return path.find('\n') == std::string::npos ? path : EscapeName(path);
}

Result<std::string> LabelText(const Tree& tree, SampleIndex sample) {
  if (!tree.label_field()) return std::string();
  ASSIGN_OR_RETURN(const int64_t label, LabelOf(tree.shards(), sample, *tree.label_field()));
  return std::to_string(label);
}

Result<std::string> PathLine(const Tree& tree, SampleIndex sample) {
  ASSIGN_OR_RETURN(const std::string path, tree.PathOf(tree.MainFile(sample)));
  return OneLine(path) + "\n";
}

Result<std::string> LabelledLine(const Tree& tree, SampleIndex sample) {
  ASSIGN_OR_RETURN(const std::string path, tree.PathOf(tree.MainFile(sample)));
  ASSIGN_OR_RETURN(const std::string label, LabelText(tree, sample));
  return OneLine(path) + " " + label + "\n";
}

std::string Quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A scalar or JSON field as JSON on one line; empty for JSON that is none.  JSON is looked at and
// handed on as it is: a tree of it would cost what its nesting makes it cost.
Result<std::string> ValueText(const Shards::LocalSample& sample, Bytes row, const Field& field) {
  if (field.type == FieldType::kInt) return std::to_string(ReadInt(row, field));
  if (field.type == FieldType::kFloat) {
    const double value = ReadFloat(row, field);
    return std::isfinite(value) ? Json(value).dump() : "null";
  }
  const uint16_t number = sample.shard->dataset->schema().NumberOf(field);
  ASSIGN_OR_RETURN(const FileContents contents,
                   sample.shard->viewer->Contents(sample.index, number, RawView::kPpm));
  std::string text(AsText(contents.payload()));
  if (!Json::accept(text)) return std::string();
  // Line ends in JSON stand between tokens only.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

Result<std::string> MetadataLine(const Tree& tree, SampleIndex sample) {
  ASSIGN_OR_RETURN(const std::string path, tree.PathOf(tree.MainFile(sample)));
  const auto local = tree.shards().Locate(sample);
  ASSIGN_OR_RETURN(const Bytes row, local.shard->dataset->Row(local.index));
  std::string line = "{\"file_name\":" + Quoted(path);
  std::set<std::string> keys = {"file_name"};
  for (const Field& field : tree.shards().schema().fields()) {
    if (field.has_payload && field.type != FieldType::kJson) continue;
    const std::string key = &field == tree.label_field() ? "label" : field.name;
    ASSIGN_OR_RETURN(const std::string value, ValueText(local, row, field));
    if (!value.empty() && keys.insert(key).second) line += "," + Quoted(key) + ":" + value;
  }
  return line + "}\n";
}

constexpr char kSamplesHeader[] = "sample\tpath\tsize\tfile\toffset\tpayload_size\tpage\tlabel\n";

Result<std::string> SampleLine(const Tree& tree, SampleIndex sample) {
  const Ino file = tree.MainFile(sample);
  const auto local = tree.shards().Locate(sample);
  const Dataset& dataset = *local.shard->dataset;
  ASSIGN_OR_RETURN(const std::string path, tree.PathOf(file));
  ASSIGN_OR_RETURN(const Attributes attributes, tree.AttributesOf(file));
  ASSIGN_OR_RETURN(const std::string label, LabelText(tree, sample));
  std::string line = std::to_string(Number(sample)) + "\t" + EscapeName(path) + "\t" +
                     std::to_string(attributes.size_bytes) + "\t" + EscapeName(dataset.path()) +
                     "\t";
  const auto& fields = dataset.schema().fields();
  if (file.field() < fields.size() && fields[file.field()].has_payload) {
    ASSIGN_OR_RETURN(const Payload payload, dataset.PayloadOf(local.index, fields[file.field()]));
    line += std::to_string(payload.offset) + "\t" + std::to_string(payload.bytes.size()) + "\t" +
            std::to_string(dataset.PageOf(payload.offset));
  } else {
    line += "\t\t";
  }
  return line + "\t" + label + "\n";
}

// The first file below a directory, depth first; nullopt if there is none.
Result<std::optional<Ino>> FirstFileBelow(const Tree& tree, Ino directory, int depth) {
  std::optional<Ino> file;
  std::vector<Ino> below;
  RETURN_IF_ERROR(tree.List(directory, 0, [&](std::string_view, Ino ino, uint64_t) {
    if (ino.is_file()) {
      file = ino;
    } else {
      below.push_back(ino);
    }
    return !file;
  }));
  constexpr int kMaxDepth = 64;
  for (size_t i = 0; !file && depth < kMaxDepth && i < below.size(); ++i) {
    ASSIGN_OR_RETURN(file, FirstFileBelow(tree, below[i], depth + 1));
  }
  return file;
}

Result<std::string> ClassDirectories(const Tree& tree) {
  std::vector<std::pair<std::string, Ino>> directories;
  RETURN_IF_ERROR(tree.List(Ino::Root(), 0, [&](std::string_view name, Ino ino, uint64_t) {
    if (!ino.is_file()) directories.emplace_back(name, ino);
    return !directories.empty();  // the root of a flat tree is all files
  }));
  std::string text;
  for (const auto& [name, ino] : directories) {
    ASSIGN_OR_RETURN(const auto file, FirstFileBelow(tree, ino, 0));
    if (!file) continue;
    ASSIGN_OR_RETURN(const std::string label, LabelText(tree, file->sample()));
    text += OneLine(name) + "\t" + label + "\n";
  }
  return text;
}

Result<std::shared_ptr<const Document>> Classes(const Tree& tree) {
  ASSIGN_OR_RETURN(std::string text, ClassDirectories(tree));
  if (text.empty()) {
    ASSIGN_OR_RETURN(
        const LabelIndex index,
        LabelIndex::Make(tree.shards(), {0, tree.shards().num_samples()}, *tree.label_field()));
    for (size_t rank = 0; rank < index.num_classes(); ++rank) {
      const std::string label = std::to_string(index.LabelOf(rank));
      text.append(label).append("\t").append(label).append("\n");
    }
  }
  return TextDocument(std::move(text));
}

using SampleLineMaker = Result<std::string> (*)(const Tree& tree, SampleIndex sample);

void AddList(ControlFiles& control, const Tree& tree, std::string name, SampleLineMaker make,
             const std::string& header = "") {
  control.AddLasting(std::move(name), [&tree, make, header] {
    const uint64_t num_headers = header.empty() ? 0 : 1;
    return LineDocument(tree.shards().num_samples() + num_headers,
                        [&tree, make, header, num_headers](uint64_t i, std::string& out) -> Status {
                          if (i < num_headers) {
                            out += header;
                          } else if (auto line = make(tree, SampleIndex{i - num_headers})) {
                            out += *line;
                          }
                          return {};
                        });
  });
}

}  // namespace

void AddManifests(ControlFiles& control, const Tree& tree) {
  AddList(control, tree, "files.txt", PathLine);
  AddList(control, tree, "metadata.jsonl", MetadataLine);
  AddList(control, tree, "samples.tsv", SampleLine, kSamplesHeader);
  if (!tree.label_field()) return;
  AddList(control, tree, "file_list.txt", LabelledLine);
  control.AddLasting("classes.txt", [&tree] { return Classes(tree); });
}

}  // namespace betonfs
