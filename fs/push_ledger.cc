#include "fs/push_ledger.h"

#include <algorithm>

namespace betonfs {
namespace {

// One probe per so many refused offers.  At level 8 a probe of 700 samples comes after 16,384 reads
// from disk: below 5 % of their work.
uint64_t ProbeInterval(uint32_t level) { return uint64_t{1024} << std::min(level / 2, 4u); }

}  // namespace

bool PushLedger::TakeWithin(uint64_t size_bytes, uint64_t allowed_bytes) {
  uint64_t outstanding = outstanding_bytes_.load(std::memory_order_relaxed);
  do {
    if (size_bytes > allowed_bytes || outstanding > allowed_bytes - size_bytes) return false;
  } while (!outstanding_bytes_.compare_exchange_weak(outstanding, outstanding + size_bytes));
  return true;
}

bool PushLedger::TryTake(uint64_t size_bytes) {
  if (TakeWithin(size_bytes, unbounded() ? UINT64_MAX : allowed_bytes())) return true;
  const uint64_t refused = refused_.fetch_add(1, std::memory_order_relaxed) + 1;
  // Twice the budget is the end even for probes: budget 0 means no pushes at all.
  return refused % ProbeInterval(level()) == 0 && TakeWithin(size_bytes, 2 * budget_bytes());
}

bool PushLedger::TryTakeAhead(uint64_t size_bytes) {
  return TakeWithin(size_bytes, unbounded() ? UINT64_MAX : budget_bytes());
}

void PushLedger::Used(uint64_t size_bytes) {
  outstanding_bytes_.fetch_sub(size_bytes);
  uint32_t level = level_.load(std::memory_order_relaxed);
  while (level > 0 && !level_.compare_exchange_weak(level, level > 1 ? level - 2 : 0)) {
  }
}

void PushLedger::Wasted(uint64_t size_bytes) {
  outstanding_bytes_.fetch_sub(size_bytes);
  uint32_t level = level_.load(std::memory_order_relaxed);
  while (level < kMaxLevel && !level_.compare_exchange_weak(level, level + 1)) {
  }
}

}  // namespace betonfs
