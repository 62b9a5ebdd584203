// What a page pusher has done, counted and told.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace betonfs {

// A snapshot, for the statistics.
struct PushCounters {
  uint64_t units_pushed = 0;
  uint64_t units_read_ahead = 0;  // from disk, whether pushed or not
  uint64_t units_skipped = 0;     // the kernel knew too few of their inodes
  uint64_t offers_dropped = 0;    // queue full or busy
  uint64_t offers_refused = 0;    // by the ledger
  uint64_t files_pushed = 0;
  uint64_t bytes_pushed = 0;
  uint64_t files_unknown = 0;       // the kernel had forgotten the inode
  uint64_t stores_failed = 0;       // for any other reason
  uint64_t canary_reads = 0;        // of units that were pushed
  uint64_t reads_after_push = 0;    // READs for samples that were pushed: evicted
  uint64_t units_used = 0;          // settled by their canaries
  uint64_t units_wasted = 0;        // evicted before use
  uint64_t bytes_released = 0;      // of the store, so that memory is not paid twice
  uint64_t outstanding_bytes = 0;   // pushed and not known to be used
  uint64_t budget_bytes = 0;        // what that may grow to
  uint64_t allowed_bytes = 0;       // after backing off
  bool everything_fits = false;     // into memory: the budget does not bind
  std::string memory_bounded_by;    // see MemoryState
  uint64_t memory_cache_bytes = 0;  // see MemoryState
  std::string plan;                 // name of the armed order, or empty
  uint64_t plan_position = 0;       // of the reader
  uint64_t plan_ahead = 0;          // where the pusher is
  std::string off_reason;           // why nothing is pushed, or empty

  PushCounters& operator+=(const PushCounters& other);  // of another file of the mount

  // READs avoided cannot be counted, since they do not happen; this is the most they can be.
  uint64_t MostReadsAvoided() const {
    return files_pushed - std::min(files_pushed, reads_after_push);
  }
};

// The counting itself.  Any thread may call anything; one relaxed atomic operation each.
class PushTally {
 public:
  enum Counter {
    kUnitsPushed,
    kUnitsReadAhead,
    kUnitsSkipped,
    kOffersDropped,
    kFilesPushed,
    kBytesPushed,
    kFilesUnknown,
    kStoresFailed,
    kCanaryReads,
    kReadsAfterPush,
    kUnitsUsed,
    kUnitsWasted,
    kBytesReleased,
    kNumCounters
  };
  void Add(Counter counter, uint64_t value = 1) {
    counters_[counter].fetch_add(value, std::memory_order_relaxed);
  }
  // Fills in what is counted here.
  void CopyTo(PushCounters& counters) const;

 private:
  uint64_t Get(Counter counter) const { return counters_[counter].load(std::memory_order_relaxed); }

  std::array<std::atomic<uint64_t>, kNumCounters> counters_{};
};

}  // namespace betonfs
