// `betonfs check`: everything that can be known to be wrong with a file.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/dataset.h"
#include "core/finding.h"
#include "core/result.h"

namespace betonfs {

struct CheckOptions {
  unsigned num_threads = 0;                   // 0: one per processor
  uint64_t max_findings = 1000;               // more are counted and not kept
  const std::atomic<bool>* cancel = nullptr;  // set from anywhere to stop with kCancelled
  // Called from any of the threads, now and then, with what was done since the last call.
  std::function<void(uint64_t num_samples, uint64_t size_bytes)> progress = {};
};

struct CheckReport {
  std::vector<Finding> findings;  // of the whole file first, then by sample
  uint64_t num_findings = 0;      // of all severities, those not kept too
  uint64_t num_warnings = 0;
  uint64_t num_damages = 0;
  uint64_t num_samples = 0;  // looked at
  uint64_t num_damaged_samples = 0;
  uint64_t num_payload_bytes = 0;  // looked at
  bool has_checksums = false;      // a file of ours: contents were compared, not only structure
};

// A file of ours: every checksum (structures and contents), every link between names, directories
// and samples, payloads in order and apart, and zeros wherever nothing lies, so that any byte that
// was changed is found.  Reads the whole file once.
//
// A file of FFCV's: every payload has its row and lies in the pages; rows that nothing uses,
// overlap or share an offset.  Touches no payload; costs 24 bytes of memory per row while it runs.
//
// Kinds of findings: "index" (a region of ours that cannot be used, or its insides), "structure"
// (a block of header, rows or table), "sample" (a payload that cannot be found), "contents" (a
// payload's checksum), "size" (stored size and payload disagree), "order" (payloads of a file of
// ours overlap or descend), "padding" (a byte that should be zero), "field_name" (two fields share
// one), "unused_row", "duplicate_row", "shared_offset" (one offset, several sizes), "overlap".
// Error: kCancelled.
Result<CheckReport> Check(const Dataset& dataset, const CheckOptions& options);

}  // namespace betonfs
