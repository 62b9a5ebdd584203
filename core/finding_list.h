// Findings from several threads, of which only so many are kept.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/finding.h"

namespace betonfs {

// What one thread found.  As long as each thread adds its findings in the order of the samples,
// Merge() and Take() give the same ones at any number of threads: those of the whole file, then the
// first by sample.
class FindingList {
 public:
  explicit FindingList(uint64_t max_kept) : max_kept_(max_kept) {}

  // `make` returns the Finding, and is not called for one that is only counted.
  template <class Make>
  void Add(Severity severity, Make make) {
    ++counts_[static_cast<size_t>(severity)];
    if (kept_.size() < max_kept_) {
      kept_.push_back(make());
      kept_.back().severity = severity;
    }
  }

  void Merge(FindingList other) {
    for (size_t i = 0; i < std::size(counts_); ++i) counts_[i] += other.counts_[i];
    std::move(other.kept_.begin(), other.kept_.end(), std::back_inserter(kept_));
  }

  std::vector<Finding> Take() {
    std::stable_sort(kept_.begin(), kept_.end(), [](const Finding& a, const Finding& b) {
      return a.sample < b.sample;  // nullopt, the whole file, comes first
    });
    if (kept_.size() > max_kept_) kept_.resize(max_kept_);
    return std::move(kept_);
  }

  uint64_t count(Severity severity) const { return counts_[static_cast<size_t>(severity)]; }
  uint64_t count() const { return counts_[0] + counts_[1] + counts_[2]; }

 private:
  uint64_t max_kept_;
  uint64_t counts_[3] = {};
  std::vector<Finding> kept_;
};

}  // namespace betonfs
