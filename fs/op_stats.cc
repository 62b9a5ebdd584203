#include "fs/op_stats.h"

#include <cmath>

namespace betonfs {

const char* OpName(OpKind kind) {
  static constexpr const char* kNames[kNumOpKinds] = {
      "lookup", "forget", "getattr", "setattr",  "readlink", "open",        "read",
      "write",  "flush",  "fsync",   "release",  "readdir",  "readdirplus", "create",
      "remove", "rename", "statfs",  "getxattr", "ioctl",    "other",
  };
  return kNames[static_cast<size_t>(kind)];
}

OpStats::OpStats() : slots_(std::make_unique<Slot[]>(kNumSlots)) {}
OpStats::~OpStats() = default;

size_t OpStats::ThisThreadsSlot() {
  static std::atomic<size_t> next{0};
  thread_local const size_t slot = next.fetch_add(1, std::memory_order_relaxed) % kNumSlots;
  return slot;
}

OpStats::Counters OpStats::Totals(OpKind kind) const {
  Counters totals;
  for (size_t s = 0; s < kNumSlots; ++s) {
    const Cell& cell = slots_[s].cells[static_cast<size_t>(kind)];
    totals.bytes += cell.bytes.load(std::memory_order_relaxed);
    for (size_t b = 0; b < kNumBuckets; ++b) {
      const uint64_t count = cell.duration_buckets[b].load(std::memory_order_relaxed);
      totals.duration_buckets[b] += count;
      totals.count += count;
    }
  }
  return totals;
}

uint64_t OpStats::Counters::DurationPercentileNs(double p) const {
  if (count == 0) return 0;
  const auto wanted = static_cast<uint64_t>(std::ceil(p * static_cast<double>(count)));
  uint64_t seen = 0;
  for (size_t b = 0; b < kNumBuckets; ++b) {
    seen += duration_buckets[b];
    if (seen >= wanted && seen > 0) return uint64_t{1} << b;
  }
  return uint64_t{1} << (kNumBuckets - 1);
}

}  // namespace betonfs
