// A folder becomes a .beton file: decisions, then one parallel write.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/dataset_writer.h"
#include "core/file.h"
#include "core/labels.h"
#include "core/result.h"
#include "core/schema_choice.h"
#include "core/walk.h"

namespace betonfs {

struct PackOptions {
  PackAs as = PackAs::kAuto;
  bool skip_non_jpeg = false;
  LabelChoice label{};
  uint32_t page_size_bytes = 0;  // 0: chosen from the sizes
  uint32_t align_bytes = 1;
  // Places samples in an order drawn from the seed, so that a page holds many classes; not set:
  // sorted by path.
  std::optional<uint64_t> shuffle_seed = std::nullopt;
  SymlinkPolicy symlinks = SymlinkPolicy::kFollow;
  ReplacementFile::Existing existing = ReplacementFile::Existing::kRefuse;
  unsigned num_threads = 1;
  const std::atomic<bool>* cancel = nullptr;
  // Called when it is known what is to be packed; again if the work starts over.
  std::function<void(uint64_t num_files, uint64_t payload_bytes)> on_planned = nullptr;
  // See WriteOptions.
  std::function<void(uint64_t num_files, uint64_t payload_bytes)> on_progress = nullptr;
};

struct PackReport {
  WrittenDataset written;
  SchemaKind kind = SchemaKind::kBytes;
  uint64_t num_files = 0;        // packed
  uint64_t num_directories = 0;  // below the root
  uint64_t num_jpegs = 0;        // images only
  uint64_t num_pngs = 0;
  uint64_t num_pngs_without_alpha = 0;
  uint64_t num_pngs_scaled_to_8_bit = 0;
  bool has_labels = false;
  std::vector<std::string> classes;
  std::vector<std::string> warnings;        // one line each
  std::vector<SkippedEntry> skipped;        // what cannot be stored
  std::vector<std::string> left_out;        // files --skip-non-jpeg left out
  std::vector<std::string> oversize_paths;  // larger than a page
};

// A file that changes while it is packed starts the work over, twice at most; the report names it.
// Errors: those of Walk, ChooseSchema, AssignLabels and WriteDataset.
Result<PackReport> Pack(const std::string& directory, const std::string& target,
                        const PackOptions& options);

}  // namespace betonfs
