// A source becomes a finished .beton file, or nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/file.h"
#include "core/page_layout.h"
#include "core/page_writer.h"
#include "core/result.h"

namespace betonfs {

struct DatasetOptions {
  uint32_t page_size_bytes = 0;  // 0: chosen from the sizes
  uint32_t align_bytes = 1;
  ReplacementFile::Existing existing = ReplacementFile::Existing::kRefuse;
  WriteOptions write{};
};

struct WrittenDataset {
  uint64_t file_size_bytes = 0;
  uint64_t payload_bytes = 0;  // without gaps
  uint32_t page_size_bytes = 0;
  uint64_t num_pages = 0;
  std::vector<SampleIndex> oversize_samples;  // FFCV reads these with os_cache=True only
};

// Plans, writes pages, rows, index region, table and header, syncs, and puts the file in place of
// `target`.  On any error `target` is as it was before.
//
// Memory: the workers' buffers (see WriteOptions), and per sample its row, its table rows, its
// index records twice and 8 bytes per payload and hash: about 250 bytes for a short name.
// Errors: those of ReplacementFile, PageLayout::Plan, WritePages, SampleSource and
// IndexBuilder::Finish.
Result<WrittenDataset> WriteDataset(const std::string& target, SampleSource& source,
                                    const DatasetOptions& options);

}  // namespace betonfs
