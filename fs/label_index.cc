#include "fs/label_index.h"

#include <algorithm>
#include <limits>
#include <map>

#include "core/working_memory.h"

namespace betonfs {

Result<int64_t> LabelOf(const Shards& shards, SampleIndex sample, const Field& label) {
  const auto local = shards.Locate(sample);
  ASSIGN_OR_RETURN(const Bytes row, local.shard->dataset->Row(local.index));
  return ReadInt(row, label);
}

Result<LabelIndex> LabelIndex::Make(const Shards& shards, SampleRange range, const Field& label) {
  const uint64_t entry_size_bytes = range.count <= std::numeric_limits<uint32_t>::max() ? 4 : 8;
  RETURN_IF_ERROR(CheckWorkingMemory(range.count * entry_size_bytes, WorkingMemoryLimitBytes(),
                                     shards.all().front().dataset->path(),
                                     "sorting its samples by label"));
  return LabelIndex(shards, range, label);
}

LabelIndex::LabelIndex(const Shards& shards, SampleRange range, const Field& label)
    : range_(range) {
  std::map<int64_t, uint64_t> counts;
  auto last = counts.end();  // neighbours often have the same label
  bool ascending = true;
  for (uint64_t i = 0; i < range.count; ++i) {
    const auto value = betonfs::LabelOf(shards, SampleIndex{range.first + i}, label);
    if (!value) {
      ++num_unreadable_;
      continue;
    }
    if (last != counts.end() && last->first > *value) ascending = false;
    if (last == counts.end() || last->first != *value) last = counts.try_emplace(*value, 0).first;
    ++last->second;
  }
  uint64_t start = 0;
  for (const auto& [value, count] : counts) {
    labels_.push_back(value);
    starts_.push_back(start);
    start += count;
  }
  starts_.push_back(start);
  if (ascending && num_unreadable_ == 0) return;
  if (range.count <= std::numeric_limits<uint32_t>::max()) {
    Sort(shards, label, order32_);
  } else {
    Sort(shards, label, order64_);
  }
}

template <class Index>
void LabelIndex::Sort(const Shards& shards, const Field& label, std::vector<Index>& order) {
  order.resize(starts_.back());
  std::vector<uint64_t> next(starts_.begin(), starts_.end() - 1);
  for (uint64_t i = 0; i < range_.count; ++i) {
    const auto value = betonfs::LabelOf(shards, SampleIndex{range_.first + i}, label);
    // The file may have changed between the passes: what does not fit any more is left out.
    const size_t rank = value ? RankOf(*value) : num_classes();
    if (rank == num_classes() || next[rank] == starts_[rank + 1]) continue;
    order[next[rank]++] = static_cast<Index>(i);
  }
}

size_t LabelIndex::RankOf(int64_t label) const {
  const auto found = std::lower_bound(labels_.begin(), labels_.end(), label);
  if (found == labels_.end() || *found != label) return num_classes();
  return static_cast<size_t>(found - labels_.begin());
}

SampleIndex LabelIndex::SampleAt(size_t rank, uint64_t place) const {
  const uint64_t position = starts_[rank] + place;
  if (!order32_.empty()) return SampleIndex{range_.first + order32_[position]};
  if (!order64_.empty()) return SampleIndex{range_.first + order64_[position]};
  return SampleIndex{range_.first + position};
}

}  // namespace betonfs
