// Decides whether one more unit may be pushed: what is pushed and not yet used must fit the budget,
// and the budget shrinks while pushes turn out to be wasted.
#pragma once

#include <atomic>
#include <cstdint>

namespace betonfs {

// Any thread may call anything; a few atomic operations each, never a wait.
//
// Every unit taken is settled once: Used() when its samples were read, Wasted() when they were
// evicted before that, Returned() when nothing came of it.  A wasted unit halves what is allowed, a
// used one makes it four times as much again.  Where nothing is allowed any more, one offer in some
// thousand passes as a probe, so that a reader who changes from a random to a page-local order is
// noticed.
class PushLedger {
 public:
  static constexpr uint32_t kMaxLevel = 8;

  // `unbounded`: everything fits into memory, so nothing is refused.
  void SetBudget(uint64_t budget_bytes, bool unbounded) {
    budget_bytes_.store(budget_bytes, std::memory_order_relaxed);
    unbounded_.store(unbounded, std::memory_order_relaxed);
  }

  bool TryTake(uint64_t size_bytes);
  // For who knows what will be read next (an armed order): obeys the budget alone.
  bool TryTakeAhead(uint64_t size_bytes);

  void Used(uint64_t size_bytes);
  void Wasted(uint64_t size_bytes);
  void Returned(uint64_t size_bytes) { outstanding_bytes_.fetch_sub(size_bytes); }

  bool unbounded() const { return unbounded_.load(std::memory_order_relaxed); }
  uint64_t budget_bytes() const { return budget_bytes_.load(std::memory_order_relaxed); }
  uint64_t allowed_bytes() const { return budget_bytes() >> level(); }
  uint64_t outstanding_bytes() const { return outstanding_bytes_.load(std::memory_order_relaxed); }
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  uint32_t level() const { return level_.load(std::memory_order_relaxed); }

 private:
  bool TakeWithin(uint64_t size_bytes, uint64_t allowed_bytes);

  std::atomic<uint64_t> budget_bytes_{0};
  std::atomic<bool> unbounded_{false};
  std::atomic<uint64_t> outstanding_bytes_{0};
  std::atomic<uint32_t> level_{0};  // how often the budget is halved
  std::atomic<uint64_t> refused_{0};
};

}  // namespace betonfs
