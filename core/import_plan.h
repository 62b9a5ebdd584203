// What an import writes, known before the first payload is read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/file_inspector.h"
#include "core/index_builder.h"
#include "core/result.h"
#include "core/schema.h"

namespace betonfs {

// Where a payload comes from.
struct PayloadOrigin {
  uint32_t file = 0;  // of ImportPlan::files, or kInText
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
};
inline constexpr uint32_t kInText = ~uint32_t{0};  // a range of ImportPlan::text

struct ImportColumn {
  Field field;
  // One value per sample in the vector that fits the type.
  std::vector<int64_t> integers;
  std::vector<double> reals;
  std::vector<PayloadOrigin> payloads;
  std::vector<FileFact> images;
};

struct ImportPlan {
  std::vector<std::string> files;
  std::string text;  // JSON that the manifest holds itself
  std::vector<ImportColumn> columns;
  std::vector<std::string> names;  // relative paths, one per sample
  std::vector<EntryAttributes> attributes;
  std::vector<std::string> classes;
};

// The columns of WebDataset shards; see core/import.h.
Result<ImportPlan> PlanShards(const std::vector<std::string>& shards);

// The columns of a manifest; see core/import.h.
Result<ImportPlan> PlanManifest(const std::string& path);

// Brings the samples of `plan` into an order drawn from `seed`.
void ShufflePlan(ImportPlan& plan, uint64_t seed);

// Looks into every picture of `column`: its kind and its size in pixels.
// Error kInvalidArgument: a file that is no JPEG FFCV decodes and no PNG, with its name.
Status InspectImages(const ImportPlan& plan, ImportColumn& column);

}  // namespace betonfs
