// Datasets of other tools become a .beton file: WebDataset shards and manifests.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/dataset_writer.h"
#include "core/result.h"

namespace betonfs {

struct ImportOptions {
  DatasetOptions dataset;
  // Places samples in an order drawn from the seed; not set: in the order of the source.
  std::optional<uint64_t> shuffle_seed = std::nullopt;
  // Called when it is known what is to be written.
  std::function<void(uint64_t num_samples, uint64_t payload_bytes)> on_planned = nullptr;
};

struct ImportReport {
  WrittenDataset written;
  uint64_t num_samples = 0;
  std::vector<std::string> fields;          // "image: image", "label: int", ...
  std::vector<std::string> classes;         // label names that became numbers, by number
  std::vector<std::string> oversize_names;  // samples larger than a page
};

// `sources` are tar shards of WebDataset (.tar), or one manifest (.csv, .jsonl, .ndjson).
//
// Shards: members that follow one another with the same path up to the first dot of their base name
// are one sample; what follows the dot, in lower case, names the field.  jpg, jpeg and png become
// `image` (PNGs as raw RGB), cls `label` Int, json `json` JSON, and x.jpg, x.cls and x.json those
// of name x; anything else is Bytes of that name.  Every sample has the same fields.  The stored
// name is that of the first image field, or else of the first member.
//
// Manifests: a column `file_name`, relative to the manifest, names the file of each sample; it
// becomes `image` if every file is named .jpg, .jpeg or .png, else `data` Bytes.  Other columns
// become Int if all values are integers, Float if all are numbers, else JSON (of a CSV: the text of
// every value); a `label` of text becomes Int, the rank of the name among all names.
//
// Samples keep the order of the source, unless they are shuffled.
// Memory: as WriteDataset, and per sample its name, 24 bytes per payload and, for a manifest, its
// values twice while they are read.
// Errors: those of ListTar and WriteDataset; kInvalidArgument, with file and line or member, for
// what does not fit the above; kNotFound for a file the manifest names.
Result<ImportReport> Import(const std::vector<std::string>& sources, const std::string& target,
                            const ImportOptions& options);

}  // namespace betonfs
