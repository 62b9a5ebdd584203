// Stores files into the kernel's cache, and remembers which the kernel knows and has.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>

#include "core/dataset.h"
#include "fs/atomic_bitmap.h"
#include "fs/push_counters.h"
#include "fs/sample_extents.h"
#include "fs/store_cache.h"

namespace betonfs {

// Whether the sample is left out of pushes, a canary: one of every 64, chosen by its number.
bool IsCanary(SampleIndex sample);

// Any thread may call anything.  A file is sample * files_per_sample + k.
class FilePusher {
 public:
  // Stores all of `file` into the kernel's cache for its inode.  Returns the bytes stored or a
  // negative errno: -ENOENT (the kernel does not know the inode) is normal; -ENODEV and -ENOTCONN
  // mean the mount is gone.
  using Store = std::function<int64_t(uint64_t file)>;

  static constexpr SampleIndex kNoSample{UINT64_MAX};

  // Borrows everything but `store`, which is called without a lock.
  FilePusher(const SampleExtents& extents, const StoreCache& cache, uint64_t num_samples,
             uint32_t files_per_sample, Store store, PushTally& tally)
      : extents_(extents),
        cache_(cache),
        files_per_sample_(files_per_sample),
        store_(std::move(store)),
        tally_(tally),
        known_(num_samples * files_per_sample),
        present_(num_samples * files_per_sample) {}

  // What the kernel was told and has told.  MarkRead returns whether it had the contents before.
  void MarkKnown(uint64_t file) { known_.Set(file); }
  void MarkForgotten(uint64_t file);
  bool MarkRead(uint64_t file) { return present_.Set(file); }
  void MarkEvicted(SampleRange samples);

  // About how many files a push would store, of all and of `samples`.
  uint64_t num_pushable() const {
    const uint64_t known = known_.num_set();
    return known - std::min(known, present_.num_set());
  }
  uint64_t CountPushable(SampleRange samples) const;
  uint64_t CountFiles(SampleRange samples) const { return samples.count * files_per_sample_; }
  bool HasContents(uint64_t sample) const { return present_.Test(sample * files_per_sample_); }

  // Pushes of `samples` what is known and absent and neither a canary nor `left_out`.  With
  // `release` the store's own pages of it are given back.  Ends early after Stop().
  void Push(SampleRange samples, SampleIndex left_out, bool release);

  // Also called when a store finds that the mount is gone.
  void Stop() { stopped_.store(true, std::memory_order_relaxed); }
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

 private:
  bool PushSample(uint64_t sample);
  bool PushFile(uint64_t file);

  const SampleExtents& extents_;
  const StoreCache& cache_;
  const uint32_t files_per_sample_;
  const Store store_;
  PushTally& tally_;
  AtomicBitmap known_;    // the kernel has the inode
  AtomicBitmap present_;  // and its contents, as far as we can tell
  std::atomic<bool> stopped_{false};
};

}  // namespace betonfs
