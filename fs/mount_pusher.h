// The page pushers of a mount, one for each of its files, and the orders they can be armed with.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/sampling_order.h"
#include "fs/document.h"
#include "fs/memory_budget.h"
#include "fs/page_pusher.h"
#include "fs/read_observer.h"
#include "fs/reply.h"
#include "fs/tree.h"

namespace betonfs {

// Made before the session; Start() before the first request; Stop() while requests are still being
// answered.  The observer's methods come from request threads, Order() and ArmList() too.
class MountPusher : public ReadObserver {
 public:
  // Borrows `tree`.  files_per_sample and data_bytes of `options` are filled in here.
  MountPusher(const Tree& tree, const PushOptions& options);
  ~MountPusher() override;

  // Pushes through `session`, which outlives Stop().
  void Start(fuse_session* session);
  void Stop();

  void OnRead(Ino file, Extent payload) override;
  void OnReadAnswered(Ino file, Extent payload) override;
  void OnListed(Ino file) override;
  void OnLookup(Ino file) override;
  void OnForgotten(Ino file) override;

  // The paths of the order called `name` ("random-1-0.txt", see ParseOrderName), one a line; arms
  // the pushers to run ahead along it.  nullptr: no such name.
  // Errors: kUnsupported  a quasi-random order of a file whose samples do not lie in order
  //         kCorrupt      a path or page cannot be told
  Result<std::shared_ptr<const Document>> Order(std::string_view name);

  // Arms with a list of the user's: sample numbers, 4 bytes each while it is armed, and 12 more per
  // sixty-fourth.  Error kInvalidArgument: a number beyond the samples, or more than 2^32.
  Status ArmList(std::vector<uint32_t> samples);

  // Of all files together.
  PushCounters counters() const;

 private:
  std::pair<PagePusher*, uint64_t> Find(Ino file) const;
  int64_t Store(const Shard& shard, uint64_t file) const;
  Result<std::vector<uint64_t>> AllPageStarts() const;

  const Tree& tree_;
  PushOptions options_;
  MemoryBudget memory_;
  fuse_session* session_ = nullptr;
  std::vector<std::unique_ptr<PagePusher>> pushers_;  // by shard; empty until Start()
};

}  // namespace betonfs
