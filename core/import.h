// Datasets of other tools become a .beton file: WebDataset shards and manifests.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/dataset_writer.h"
#include "core/result.h"

namespace betonfs {

struct ImportOptions {
  DatasetOptions dataset;
  // Called when it is known what is to be written.
  std::function<void(uint64_t num_samples, uint64_t payload_bytes)> on_planned = nullptr;
};

struct ImportReport {
  WrittenDataset written;
  uint64_t num_samples = 0;
  std::vector<std::string> fields;   // "image: image", "label: int", ...
  std::vector<std::string> classes;  // label names that became numbers, by number
};

// `sources` are tar shards of WebDataset (.tar), or one manifest (.csv, .jsonl, .ndjson).
//
// Shards: members that follow one another with the same path up to the first dot of their base name
// are one sample; what follows the dot names the field.  jpg, jpeg and png become `image` (PNGs as
// raw RGB), cls `label` Int, json `json` JSON, anything else Bytes of that name.  Every sample has
// the same fields.  The stored name is that of the image, or else of the first member.
//
// Manifests: a column `file_name`, relative to the manifest, names the file of each sample; it
// becomes `image` if every file is named .jpg, .jpeg or .png, else `data` Bytes.  Other columns
// become Int if all values are integers, Float if all are numbers, else JSON; a `label` of text
// becomes Int, the rank of the name among all names.
//
// Samples keep the order of the source.
// Errors: those of ListTar and WriteDataset; kInvalidArgument, with file and line or member, for
// what does not fit the above; kNotFound for a file the manifest names.
Result<ImportReport> Import(const std::vector<std::string>& sources, const std::string& target,
                            const ImportOptions& options);

}  // namespace betonfs
