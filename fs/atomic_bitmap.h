// One bit per file, set and cleared by any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

namespace betonfs {

// All operations are relaxed: a bit tells what probably is, and orders nothing else.
class AtomicBitmap {
 public:
  explicit AtomicBitmap(uint64_t num_bits)
      : num_words_((num_bits + 63) / 64),
        words_(std::make_unique<std::atomic<uint64_t>[]>(num_words_)) {}

  bool Test(uint64_t bit) const {
    return (words_[bit / 64].load(std::memory_order_relaxed) & Mask(bit)) != 0;
  }
  // Both return what the bit was, and write only if that changes something, since a write takes
  // the cache line away from other cores.
  bool Set(uint64_t bit) {
    if (Test(bit)) return true;
    const uint64_t before = words_[bit / 64].fetch_or(Mask(bit), std::memory_order_relaxed);
    if ((before & Mask(bit)) != 0) return true;
    num_set_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  bool Clear(uint64_t bit) { return Test(bit) && ClearMask(bit / 64, Mask(bit)) != 0; }

  // Of all bits.  Behind by what other threads are just changing, so that it can be a little below
  // zero, which is a huge number, for a moment.
  uint64_t num_set() const { return num_set_.load(std::memory_order_relaxed); }

  // Of the bits [first, first + count).
  uint64_t CountSet(uint64_t first, uint64_t count) const {
    uint64_t set = 0;
    ForEachWord(first, count, [&](uint64_t word, uint64_t mask) {
      const uint64_t bits = words_[word].load(std::memory_order_relaxed);
      set += static_cast<uint64_t>(std::popcount(bits & mask));
    });
    return set;
  }
  void ClearRange(uint64_t first, uint64_t count) {
    ForEachWord(first, count, [this](uint64_t word, uint64_t mask) { ClearMask(word, mask); });
  }

 private:
  static uint64_t Mask(uint64_t bit) { return uint64_t{1} << (bit % 64); }

  // Returns how many of the bits were set.
  uint64_t ClearMask(uint64_t word, uint64_t mask) {
    const uint64_t before = words_[word].fetch_and(~mask, std::memory_order_relaxed);
    const uint64_t cleared = static_cast<uint64_t>(std::popcount(before & mask));
    num_set_.fetch_sub(cleared, std::memory_order_relaxed);
    return cleared;
  }

  template <class F>
  void ForEachWord(uint64_t first, uint64_t count, F f) const {
    const uint64_t end = first + count;
    for (uint64_t bit = first; bit < end;) {
      const uint64_t next = std::min(end, (bit / 64 + 1) * 64);
      const uint64_t bits = next - bit;
      const uint64_t ones = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
      f(bit / 64, ones << (bit % 64));
      bit = next;
    }
  }

  uint64_t num_words_;
  std::unique_ptr<std::atomic<uint64_t>[]> words_;
  std::atomic<uint64_t> num_set_{0};
};

}  // namespace betonfs
