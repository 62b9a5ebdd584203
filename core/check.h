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
// A file of FFCV's, or one whose index region cannot be used: every payload has its row and lies in
// the pages; rows that nothing uses, that overlap or share an offset.  Touches no payload; costs 48
// bytes of memory per row while it runs.
//
// Kinds of findings, with their severity:
//   damage   "index"          a region of ours that cannot be used, whose traces alone are left too
//            "structure"      a block of header, rows, table or index region that fails its
//                             checksum, or insides of the region that contradict each other
//            "sample"         a payload that cannot be found, or a record that says nonsense
//            "contents"       payloads that fail the sample's checksum
//            "size"           the stored size is not the payload's
//            "order"          payloads of a file of ours overlap or descend
//            "padding"        a byte that should be zero
//   warning  "field_name"     two fields share one
//            "unused_row"     a row of the table that no payload of its sample uses
//            "duplicate_row"  a row that is there twice
//            "shared_offset"  rows of different sizes at one offset: FFCV takes either
//            "overlap"        payloads that overlap
//   note     "foreign_row"    a row of a sample that is not there
// Errors: kCancelled
//         kUnsupported  a file of FFCV's with more rows than the memory of this machine can hold
Result<CheckReport> Check(const Dataset& dataset, const CheckOptions& options);

}  // namespace betonfs
