#include "fs/tree.h"

#include <algorithm>

#include "fs/sample_names.h"
#include "fs/tree_flat.h"
#include "fs/tree_label.h"
#include "fs/tree_merge.h"
#include "fs/tree_paths.h"
#include "fs/tree_shard_dirs.h"

namespace betonfs {
namespace {

constexpr size_t kFlatDigits = 8;
constexpr size_t kSamplesDigits = 6;  // as in WebDataset's own examples

std::string InQuotes(const std::string& name) { return "'" + name + "'"; }

std::string FieldList(const Schema& schema) {
  std::string list;
  for (const Field& field : schema.fields()) {
    list += (list.empty() ? "" : ", ") + field.name + " (" + FieldTypeName(field.type) + ")";
  }
  return list;
}

Result<const Field*> FindField(const Schema& schema, const std::string& name, const char* option) {
  if (const Field* field = schema.Find(name)) return field;
  return Fail(ErrorKind::kInvalidArgument, std::string(option) + ": no field " + InQuotes(name) +
                                               ", the file has " + FieldList(schema));
}

size_t CountInts(const Schema& schema) {
  return static_cast<size_t>(
      std::count_if(schema.fields().begin(), schema.fields().end(),
                    [](const Field& field) { return field.type == FieldType::kInt; }));
}

// The field of that option, else the one called "label", else the only Int field, else none.
Result<const Field*> ChooseLabel(const Schema& schema, const TreeOptions& options) {
  if (!options.label.empty()) {
    ASSIGN_OR_RETURN(const Field* field, FindField(schema, options.label, "label"));
    if (field->type == FieldType::kInt) return field;
    return Fail(ErrorKind::kInvalidArgument, "label: field " + InQuotes(options.label) + " is " +
                                                 FieldTypeName(field->type) + ", not int");
  }
  const Field* named = schema.Find("label");
  if (named && named->type == FieldType::kInt) return named;
  if (CountInts(schema) != 1) return nullptr;
  for (const Field& field : schema.fields()) {
    if (field.type == FieldType::kInt) return &field;
  }
  return nullptr;
}

Result<uint16_t> ChooseMainField(const Shards& shards, const TreeOptions& options) {
  if (options.field.empty()) return shards.all().front().viewer->PrimaryField();
  ASSIGN_OR_RETURN(const Field* field, FindField(shards.schema(), options.field, "field"));
  return shards.schema().NumberOf(*field);
}

// All files store names.  Error: some file's index region is damaged, or `wanted` and there is
// none.
Result<bool> HasStoredPaths(const Shards& shards, bool wanted) {
  for (const Shard& shard : shards.all()) {
    const Dataset& dataset = *shard.dataset;
    if (const Error* error = dataset.index_error()) {
      return Fail(error->kind,
                  error->message + " (-o tree=flat serves the samples under made-up names)");
    }
    if (dataset.index()) continue;
    if (!wanted) return false;
    return Fail(ErrorKind::kInvalidArgument, "tree=paths: " + dataset.path() + " stores no paths");
  }
  return true;
}

Result<TreeKind> ChooseKind(const Shards& shards, const TreeOptions& options) {
  const bool auto_kind = options.kind == TreeKind::kAuto;
  if (!auto_kind && options.kind != TreeKind::kPaths) return options.kind;
  ASSIGN_OR_RETURN(const bool stored, HasStoredPaths(shards, !auto_kind));
  if (stored) return TreeKind::kPaths;
  const Schema& schema = shards.schema();
  if (schema.num_payloads() != 1) return TreeKind::kSamples;
  const bool labelled = CountInts(schema) == 1 || !options.label.empty();
  return labelled ? TreeKind::kLabel : TreeKind::kFlat;
}

// What the options come to.
struct Choice {
  TreeKind kind;
  uint16_t main_field;
  const Field* label;             // may be null
  std::optional<uint32_t> shard;  // this file alone
};

Result<Choice> Choose(const Shards& shards, const TreeOptions& options) {
  ASSIGN_OR_RETURN(const TreeKind kind, ChooseKind(shards, options));
  ASSIGN_OR_RETURN(const uint16_t main_field, ChooseMainField(shards, options));
  ASSIGN_OR_RETURN(const Field* label, ChooseLabel(shards.schema(), options));
  if (kind == TreeKind::kPaths && !options.field.empty()) {
    return Fail(ErrorKind::kInvalidArgument,
                "field: stored names show what was packed (choose -o tree=flat, label or samples)");
  }
  if (kind == TreeKind::kLabel && !label) {
    return Fail(ErrorKind::kInvalidArgument,
                "tree=label: -o label= must say which int field, the file has " +
                    FieldList(shards.schema()));
  }
  if (kind != TreeKind::kLabel && !options.classes.empty()) {
    return Fail(ErrorKind::kInvalidArgument,
                "classes: only tree=label has class directories to name, this is tree=" +
                    std::string(TreeName(kind)));
  }
  return Choice{kind, main_field, label, std::nullopt};
}

Result<std::unique_ptr<Tree>> MakePathsTree(const Shards& shards, const Choice& choice) {
  if (choice.shard || shards.all().size() == 1) {
    return std::make_unique<PathsTree>(shards, choice.shard.value_or(0), choice.main_field,
                                       choice.label);
  }
  return MergedTree::Make(shards, choice.main_field, choice.label);
}

// The tree of the samples of `range`.
Result<std::unique_ptr<Tree>> MakeTree(const Shards& shards, SampleRange range,
                                       const Choice& choice, const TreeOptions& options) {
  if (choice.kind == TreeKind::kPaths) return MakePathsTree(shards, choice);
  const bool all_fields = choice.kind == TreeKind::kSamples;
  std::vector<NamedField> fields = {{choice.main_field, ""}};
  if (all_fields) fields = NameAllFields(shards.schema());
  SampleNames names(shards, range, std::move(fields), all_fields ? kSamplesDigits : kFlatDigits,
                    options.raw_view);
  if (choice.kind == TreeKind::kLabel) {
    return LabelTree::Make(shards, choice.main_field, *choice.label, std::move(names), options);
  }
  return std::make_unique<FlatTree>(choice.kind, shards, choice.main_field, choice.label,
                                    std::move(names));
}

}  // namespace

const char* TreeName(TreeKind kind) {
  switch (kind) {
    case TreeKind::kAuto:
      return "auto";
    case TreeKind::kPaths:
      return "paths";
    case TreeKind::kLabel:
      return "label";
    case TreeKind::kFlat:
      return "flat";
    case TreeKind::kSamples:
      return "samples";
  }
  return "unknown";
}

std::optional<TreeKind> ParseTreeKind(std::string_view name) {
  for (const TreeKind kind :
       {TreeKind::kAuto, TreeKind::kPaths, TreeKind::kLabel, TreeKind::kFlat, TreeKind::kSamples}) {
    if (name == TreeName(kind)) return kind;
  }
  return std::nullopt;
}

Status Tree::CheckFile(Ino ino) const {
  if (ino.is_file() && Number(ino.sample()) < shards_->num_samples()) {
    const bool has_field =
        ino.field() == kScalarsField || ino.field() < shards_->schema().fields().size();
    if (has_field) return {};
  }
  return Fail(ErrorKind::kNotFound, "no such inode");
}

Result<std::unique_ptr<Tree>> Tree::Make(const Shards& shards, const TreeOptions& options) {
  ASSIGN_OR_RETURN(Choice choice, Choose(shards, options));
  if (!options.shards_as_directories) {
    return MakeTree(shards, {0, shards.num_samples()}, choice, options);
  }
  std::vector<std::unique_ptr<Tree>> trees;
  for (const Shard& shard : shards.all()) {
    const SampleRange range{shard.first_sample, shard.dataset->num_samples()};
    choice.shard = static_cast<uint32_t>(trees.size());
    ASSIGN_OR_RETURN(auto tree, MakeTree(shards, range, choice, options));
    trees.push_back(std::move(tree));
  }
  return std::make_unique<ShardDirsTree>(shards, std::move(trees));
}

}  // namespace betonfs
