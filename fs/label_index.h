// Which samples have which label.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/dataset.h"
#include "core/result.h"
#include "fs/shards.h"

namespace betonfs {

// Immutable; any thread may read it.  A class is a label that some sample has; its number ("rank")
// is its place among the labels in ascending order.
//
// Made in two passes over the rows.  Keeps 16 bytes per class and, unless the labels ascend from
// sample to sample already, 4 bytes per sample (8 where there are 2^32 samples or more); while it
// is made, some 50 bytes per class more.
class LabelIndex {
 public:
  // Of the samples of `range`.  Rows that cannot be read are left out and counted.
  // Error kUnsupported: so many samples that the memory of this machine cannot hold their order.
  static Result<LabelIndex> Make(const Shards& shards, SampleRange range, const Field& label);

  size_t num_classes() const { return labels_.size(); }
  int64_t LabelOf(size_t rank) const { return labels_[rank]; }
  // num_classes() if no sample has `label`.
  size_t RankOf(int64_t label) const;
  uint64_t NumSamples(size_t rank) const { return starts_[rank + 1] - starts_[rank]; }
  // In ascending order; `place` < NumSamples(rank).
  SampleIndex SampleAt(size_t rank, uint64_t place) const;
  uint64_t num_unreadable() const { return num_unreadable_; }

 private:
  LabelIndex(const Shards& shards, SampleRange range, const Field& label);
  template <class Index>
  void Sort(const Shards& shards, const Field& label, std::vector<Index>& order);

  SampleRange range_;
  std::vector<int64_t> labels_;   // ascending
  std::vector<uint64_t> starts_;  // of each class in the order; and the end
  // Samples by class, counted from the first of the range; both empty if labels ascend.
  std::vector<uint32_t> order32_;
  std::vector<uint64_t> order64_;
  uint64_t num_unreadable_ = 0;
};

// The label of a sample.  Errors: as Dataset::Row.
Result<int64_t> LabelOf(const Shards& shards, SampleIndex sample, const Field& label);

}  // namespace betonfs
