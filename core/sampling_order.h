// The orders in which an epoch visits the samples: computed, never stored.
//
// An order is a pure function of its spec, the number of samples and, for kQuasiRandom, of where
// the pages begin: the same on every machine and in every language that follows this text.  All
// arithmetic is on unsigned 64-bit integers and wraps.
//
//   Mix(x)     x += 0x9e3779b97f4a7c15;
//              x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
//              x = (x ^ x >> 27) * 0x94d049bb133111eb;   return x ^ x >> 31     (splitmix64)
//   Key(tag)   Mix(Mix(Mix(seed) ^ epoch) ^ tag)
//
//   Permute(n, key, x), x < n: a Feistel network of eight rounds over b bits, walked until the
//   result is below n.  b = max(2, bits of n - 1); the upper part u has floor(b / 2) bits, the
//   lower part l the others.  Round r = 0..7:
//              (u, l) = (l, u ^ (Mix(key ^ (r << 56) ^ l) mod 2^bits of u))
//   where the widths trade places with the parts.  The result is u << (bits of l) | l; while it is
//   n or more, it goes through the rounds again.
//
// The global order has one position per sample:
//   kSequential    position p is sample p
//   kRandom        position p is sample Permute(N, Key(1), p)
//   kQuasiRandom   the k-th page visited is page Permute(pages, Key(2), k).  Visited pages
//                  k = w * W .. w * W + W - 1 form window w (the last may be smaller) and stand
//                  open together: the window's n samples, page after page in visiting order, are
//                  drawn in the order Permute(n, Key(3 + w), 0), Permute(n, Key(3 + w), 1), ...
// Rank r of w ranks takes the positions [floor(N * r / w), floor(N * (r + 1) / w)) of it: ranks are
// disjoint, complete and of equal size to within one, and in a quasi-random order two ranks share
// at most the pages of one window.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"

namespace betonfs {

class Dataset;

enum class OrderKind { kSequential, kRandom, kQuasiRandom };

inline constexpr uint32_t kDefaultWindowPages = 8;

struct OrderSpec {
  OrderKind kind = OrderKind::kSequential;
  uint64_t seed = 0;
  uint64_t epoch = 0;
  uint64_t rank = 0;
  uint64_t world = 1;                           // number of ranks
  uint32_t window_pages = kDefaultWindowPages;  // kQuasiRandom only
  bool operator==(const OrderSpec&) const = default;
};

// "<kind>-<seed>-<epoch>[-<rank>of<world>]" with kind sequential, random, quasi or quasi<window>,
// all numbers decimal without superfluous zeros.  nullopt for anything else, so that every order
// has one name; rank < world and window >= 1 hold.
std::optional<OrderSpec> ParseOrderName(std::string_view name);
std::string OrderName(const OrderSpec& spec);

// The keyed permutation of [0, n) described above, and its way back.  x < n.
uint64_t Permute(uint64_t n, uint64_t key, uint64_t x);
uint64_t PermuteBack(uint64_t n, uint64_t key, uint64_t y);

// For each page that holds samples, the first of them, ascending; then num_samples.  Empty for no
// samples.  O(pages * log samples).  Pages are those of the file.
// Errors: kUnsupported  samples do not ascend with their offset; kCorrupt as Dataset::SamplesIn
Result<std::vector<uint64_t>> PageStarts(const Dataset& dataset);

// Immutable; any thread may call anything.  Memory: 12 bytes per page for kQuasiRandom, else none.
class SamplingOrder {
 public:
  // `page_starts` as PageStarts() makes it; only kQuasiRandom looks at it.
  // Error kInvalidArgument: world 0, rank not below it, window 0, page_starts that do not fit.
  static Result<SamplingOrder> Make(const OrderSpec& spec, uint64_t num_samples,
                                    std::vector<uint64_t> page_starts = {});

  const OrderSpec& spec() const { return spec_; }
  uint64_t size() const { return end_ - begin_; }  // samples of this rank

  // The sample at `position` < size().  O(1), for kQuasiRandom O(log pages).
  SampleIndex At(uint64_t position) const;

  // Where At() answers `sample`; nullopt if that is another rank's, or there is no such sample.
  std::optional<uint64_t> PositionOf(SampleIndex sample) const;

 private:
  SamplingOrder() = default;
  uint64_t Key(uint64_t tag) const;
  void LayWindows();
  uint64_t NumPages() const { return page_starts_.empty() ? 0 : page_starts_.size() - 1; }
  uint64_t PageSize(uint64_t page) const { return page_starts_[page + 1] - page_starts_[page]; }
  uint64_t QuasiAt(uint64_t global) const;
  uint64_t QuasiPositionOf(uint64_t sample) const;

  OrderSpec spec_;
  uint64_t num_samples_ = 0;
  uint64_t begin_ = 0;  // global positions of this rank
  uint64_t end_ = 0;
  std::vector<uint64_t> page_starts_;
  std::vector<uint32_t> visited_;       // k -> page
  std::vector<uint64_t> window_begin_;  // first global position of each window; then num_samples
};

}  // namespace betonfs
