// How often each operation was asked for and how long it took, counted where it costs nothing.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace betonfs {

enum class OpKind : uint8_t {
  kLookup,
  kForget,
  kGetattr,
  kSetattr,
  kReadlink,
  kOpen,
  kRead,
  kWrite,
  kFlush,
  kFsync,
  kRelease,
  kReaddir,
  kReaddirplus,
  kCreate,
  kRemove,
  kRename,
  kStatfs,
  kGetxattr,
  kIoctl,
  kOther,
};
inline constexpr size_t kNumOpKinds = static_cast<size_t>(OpKind::kOther) + 1;
const char* OpName(OpKind kind);  // "lookup", "read", ...

// Any thread may count; each has a slot of its own (more threads than slots share, which is right
// but slower).  Totals() may run at any time and sees every operation that finished before it.
class OpStats {
 public:
  static constexpr size_t kNumBuckets = 40;  // bucket b counts durations in [2^(b-1), 2^b) ns
  struct Counters {
    uint64_t count = 0;
    uint64_t bytes = 0;  // of data sent or received
    std::array<uint64_t, kNumBuckets> duration_buckets{};

    // Upper bound of the bucket that holds the share `p` of all durations, p in [0, 1]; 0 if none.
    uint64_t DurationPercentileNs(double p) const;
  };

  OpStats();
  ~OpStats();

  void Count(OpKind kind, uint64_t duration_ns) {
    Cell& cell = CellOf(kind);
    Add(cell.duration_buckets[std::min<size_t>(std::bit_width(duration_ns), kNumBuckets - 1)], 1);
  }
  void CountBytes(OpKind kind, uint64_t size_bytes) { Add(CellOf(kind).bytes, size_bytes); }

  Counters Totals(OpKind kind) const;

  // Counts one operation from its construction to its destruction.
  class Scope {
   public:
    Scope(OpStats& stats, OpKind kind)
        : stats_(stats), kind_(kind), start_(std::chrono::steady_clock::now()) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() {
      const auto duration = std::chrono::steady_clock::now() - start_;
      stats_.Count(kind_, static_cast<uint64_t>(duration.count()));
    }

   private:
    OpStats& stats_;
    OpKind kind_;
    std::chrono::steady_clock::time_point start_;
  };

 private:
  static constexpr size_t kNumSlots = 32;
  struct Cell {
    std::atomic<uint64_t> bytes{0};
    std::array<std::atomic<uint64_t>, kNumBuckets> duration_buckets{};
  };
  struct alignas(64) Slot {
    std::array<Cell, kNumOpKinds> cells;
  };

  static size_t ThisThreadsSlot();
  static void Add(std::atomic<uint64_t>& counter, uint64_t value) {
    counter.fetch_add(value, std::memory_order_relaxed);
  }
  Cell& CellOf(OpKind kind) { return slots_[ThisThreadsSlot()].cells[static_cast<size_t>(kind)]; }

  std::unique_ptr<Slot[]> slots_;
};

}  // namespace betonfs
