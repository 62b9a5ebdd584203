// The allocation table: which payload of which sample lies where, and how long it is.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/format.h"
#include "core/result.h"
#include "core/working_memory.h"

namespace betonfs {

class BlockChecks;

// Borrows the mapped table.  Any thread may call anything.
//
// In files of ours row i*P+k is payload k of sample i: found by arithmetic, nothing allocated.
// FFCV's tables come in any order; for those, one index is built at the first lookup that
// arithmetic does not answer: linear in the rows, 4 bytes per sample and per row (8 above 2^32
// rows), kept for good; one of more than `index_limit_bytes` is refused.
class SampleTable {
 public:
  // `checks` may be null (plain FFCV file).  `table_offset` is for messages.
  SampleTable(Bytes table, uint64_t table_offset, uint64_t num_samples, uint32_t num_payloads,
              const BlockChecks* checks, std::string path,
              uint64_t index_limit_bytes = WorkingMemoryLimitBytes());
  ~SampleTable();

  uint64_t num_rows() const { return table_.size() / sizeof(RawTableRow); }

  // Size of the payload of `sample` that starts at `payload_offset`, from the row that says so.
  // `payload_number` is where to look first.  `expected_size` is what the metadata promises, if it
  // does: FFCV gives a zero-length payload the offset of the next one, so several rows of a sample
  // may share an offset, and then the one of that size is meant (without a promise the payload's
  // own by position, else the longest). Errors: kCorrupt  no row of the sample has that offset and
  // size, or the block's checksum fails
  //         kUnsupported  the index over rows out of order would be too large
  Result<uint64_t> PayloadSize(SampleIndex sample, uint32_t payload_number, uint64_t payload_offset,
                               std::optional<uint64_t> expected_size) const;

  // Any row; index < num_rows().  Error kCorrupt: the checksum.
  Result<RawTableRow> Row(uint64_t index) const;

 private:
  class OutOfOrderIndex;
  RawTableRow RawRow(uint64_t index) const;
  Result<uint64_t> SearchOutOfOrder(SampleIndex sample, uint32_t payload_number,
                                    uint64_t payload_offset,
                                    std::optional<uint64_t> expected_size) const;
  tl::unexpected<Error> NoRow(SampleIndex sample, uint64_t payload_offset,
                              std::optional<uint64_t> expected_size, std::string found) const;

  Bytes table_;
  uint64_t table_offset_;
  uint64_t num_samples_;
  uint32_t num_payloads_;
  const BlockChecks* checks_;
  std::string path_;
  uint64_t index_limit_bytes_;
  mutable std::once_flag index_built_;
  mutable std::unique_ptr<OutOfOrderIndex> index_;
};

}  // namespace betonfs
