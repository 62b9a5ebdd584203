// Several .beton files become one: pages copied whole, everything else merged.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/dataset_writer.h"
#include "core/file.h"
#include "core/result.h"

namespace betonfs {

struct ConcatOptions {
  ReplacementFile::Existing existing = ReplacementFile::Existing::kRefuse;
  bool verify = true;        // every input whole, contents too, before anything is written
  unsigned num_threads = 0;  // that verify; 0: one per processor
  const std::atomic<bool>* cancel = nullptr;
  // How much more has been verified or copied; while verifying from several threads.
  std::function<void(uint64_t payload_bytes)> on_progress = nullptr;
};

struct ConcatReport {
  uint64_t num_samples = 0;
  uint64_t file_size_bytes = 0;
  uint32_t page_size_bytes = 0;
  std::vector<std::string> warnings;  // one line each
};

// The samples of `inputs` in their order, one file after another, in one tree: directories of the
// same path are one (attributes of the first), files of the same path are refused.
//
// The page size is the largest among the inputs; powers of two nest, so that pages are copied
// whole, from file to file in the kernel (copy_file_range) where it can.  Only a sample that was
// larger than the pages of its input may have to start a new page, and what follows it moves along.
// Verifying reads every input once (see Check); an input that is changed meanwhile is not noticed.
// Memory: as WriteDataset, without buffers.
// Errors: those of Dataset::Open and ReplacementFile
//         kUnsupported      an input without stored names (written by FFCV), or a damaged index
//         kInvalidArgument  schemas that differ, a name in two inputs; both files are named
//         kCorrupt          an input is damaged: the first damage, and how many there are
Result<ConcatReport> Concat(const std::vector<std::string>& inputs, const std::string& target,
                            const ConcatOptions& options);

}  // namespace betonfs
