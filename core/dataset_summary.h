// What `betonfs info` and `.betonfs/info.json` say about a dataset.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/dataset.h"
#include "core/result.h"

namespace betonfs {

struct FieldSummary {
  std::string name;
  std::string type;
  std::vector<uint64_t> shape;  // arrays only, as is dtype
  std::string dtype;            // JSON as stored
  uint32_t cell_offset = 0;
  uint64_t payload_bytes = 0;  // of all samples
  // Images only.
  uint64_t num_jpeg = 0;
  uint64_t num_raw = 0;
  uint16_t min_width = 0, max_width = 0;
  uint16_t min_height = 0, max_height = 0;
};

struct ClassSummary {
  int64_t label = 0;
  uint64_t num_samples = 0;
  SampleIndex first_sample{0};
  std::string first_path;  // of first_sample; empty where no name is stored, or none is readable
};

// One past the width of the largest uint64_t: bucket 0 counts samples of 0 bytes, bucket k those of
// 2^(k-1) to 2^k - 1 bytes.
using SizeHistogram = std::array<uint64_t, 65>;

struct DatasetSummary {
  std::string path;
  uint64_t file_size_bytes = 0;
  uint64_t num_samples = 0;
  uint32_t page_size_bytes = 0;
  uint64_t row_size_bytes = 0;
  std::vector<FieldSummary> fields;

  uint64_t num_pages = 0;  // from the one that holds the first payload byte to the last
  uint64_t payload_bytes = 0;
  uint64_t num_oversize_samples = 0;  // larger than a page: FFCV reads them with os_cache=True only
  uint64_t num_bad_samples = 0;       // whose row or payloads cannot be found
  std::string first_problem;          // why, for the first of them
  uint64_t largest_sample_bytes = 0;
  SizeHistogram sizes{};  // of all payloads of a sample together

  bool has_index = false;
  std::string index_problem;     // why a damaged index region cannot be used
  uint64_t num_directories = 0;  // below the root
  uint64_t index_size_bytes = 0;

  std::string label_field;            // empty if there is no integer field
  std::vector<ClassSummary> classes;  // by label
  bool has_too_many_classes = false;  // over kMaxClasses values: not a label; classes is empty

  double fill() const;  // payload bytes as a part of the pages' bytes; 0 without pages
};

inline constexpr size_t kMaxClasses = 100'000;

// One pass over rows and table, no payload is touched.  Costs memory for the classes alone.
// The label field is the integer field called "label", else the first integer field.
DatasetSummary Summarize(const Dataset& dataset);

// One JSON object, indented, with a newline at its end.
std::string SummaryAsJson(const DatasetSummary& summary);

}  // namespace betonfs
