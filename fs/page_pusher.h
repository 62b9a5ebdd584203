// Fills the kernel's cache page by page, so that most files are never asked for.
//
// The first READ in a unit (a page of the file, or 8 MiB of a larger one) brings the whole unit
// into the store's page cache, in one sequential sweep, and stores the unit's other samples into
// the kernel's cache for their inodes.  Once pushed, reads are invisible, so one sample in 64 (a
// canary) is left out on purpose: its READs tell that a unit is being used.  A READ for a sample
// that was pushed tells that it was evicted.  From the two the PushLedger learns whether pushing
// pays, and bounds what is pushed and not yet used.  A unit that a reader left half read is written
// off once as much has gone through the cache as the cache holds.
//
// A reader who goes through the units in their order is brought the next one before its first READ,
// or where memory is short, left to the kernel's own read-ahead.
// Where the order of an epoch is known (Arm), the pusher runs ahead of the reader along it.
//
// The parts: PushUnits (what READs tell), PushLedger (how much may be pushed), FilePusher (stores
// into the kernel), StoreCache (the dataset file's own cache), PlanRunner (a known order).  Here
// are the queue and the threads: one reads ahead and hands on to those that store.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/dataset.h"
#include "fs/file_pusher.h"
#include "fs/memory_budget.h"
#include "fs/plan_runner.h"
#include "fs/push_counters.h"
#include "fs/push_ledger.h"
#include "fs/push_options.h"
#include "fs/push_units.h"
#include "fs/sample_extents.h"
#include "fs/store_cache.h"

namespace betonfs {

// The On...() calls come from request workers, any number at once; they never wait and cost a few
// loads, stores and at most one attempt at a lock.  A file is sample * files_per_sample + k.
class PagePusher {
 public:
  // Borrows `dataset` and `memory`, which outlive it.  Starts its threads unless the mode is kOff.
  // Where the samples of the file do not ascend (FFCV's own, written by several workers) units are
  // only read ahead, and the counters say so.  `store` is called by the pusher's own threads only,
  // never two at once for one file.
  PagePusher(const Dataset& dataset, const MemoryBudget& memory, const PushOptions& options,
             FilePusher::Store store);
  ~PagePusher();  // stops
  PagePusher(const PagePusher&) = delete;
  PagePusher& operator=(const PagePusher&) = delete;

  // No store is under way and none will start once it returns.  Call it while requests are still
  // being answered: a store may be waiting for a READ under way.  May be called twice.
  void Stop();

  // A READ of the start of `file` is about to be answered with `payload` of the dataset.
  void OnRead(uint64_t file, Extent payload);
  void OnReadAnswered(Extent payload);
  // A LOOKUP was answered: a reader without a scan wants the file next.
  void OnLookup(uint64_t file);
  // READDIRPLUS told the kernel of the inode.
  void OnListed(uint64_t file);
  void OnForget(uint64_t file);

  // Runs ahead along `plan` from its start, in place of any plan before.
  void Arm(PushPlan plan);
  void Disarm();

  PushCounters counters() const;

  // Returns once no work is queued or under way; for tests.
  void WaitUntilIdle();

 private:
  // Request workers.
  void Offer(uint64_t unit, bool by_lookup);
  bool NoteUnit(uint64_t unit);
  void OfferNext(uint64_t unit);
  void AskForBudget();
  void Witness(uint64_t unit, uint64_t sample, bool resident, bool had_contents);

  // The thread that reads ahead.
  void ReadAheadLoop();
  std::optional<PlanStep> NextStep();
  void ReadAhead(const PlanStep& step);
  void HandOn(PlanStep step);
  void RefreshBudgetIfOld();
  void RefreshBudget();
  uint64_t DefaultBudget(uint64_t cache_bytes, bool twice) const;
  void ExpireUnits();
  uint64_t FlowBytes() const;  // with mutex_ held

  // The threads that store.
  void StoreLoop();
  void PushUnit(uint64_t unit);
  bool IsWorthPushing(uint64_t unit, SampleRange samples);
  void ChooseExtraCanary(uint64_t unit, SampleRange samples);
  uint64_t CountCanaries(uint64_t unit, SampleRange samples) const;

  bool on() const { return off_reason_.empty(); }
  bool scarce() const { return scarce_.load(std::memory_order_relaxed); }
  bool IsSequential() const;
  uint64_t SampleOf(uint64_t file) const { return file / options_.files_per_sample; }

  const Dataset& dataset_;
  const MemoryBudget& memory_;
  const PushOptions options_;
  const std::string off_reason_;  // why it does nothing, or empty

  PushTally tally_;
  PushLedger ledger_;
  const SampleExtents extents_;
  const StoreCache cache_;
  FilePusher files_;
  PushUnits units_;
  PlanRunner plan_;
  std::atomic<int> lookup_credit_;   // units that LOOKUPs may yet read ahead without any READ
  std::atomic<bool> scarce_{false};  // the data do not fit into memory twice
  std::atomic<bool> unordered_{false};
  std::atomic<uint64_t> last_unit_{0};      // that a READ came for
  std::atomic<uint32_t> num_ascending_{0};  // units in a row that READs came to in their order

  mutable std::mutex mutex_;  // guards what follows; never held across a system call
  std::condition_variable wake_reader_;
  std::condition_variable wake_storers_;
  std::condition_variable wake_idle_;
  bool stopping_ = false;
  std::deque<PlanStep> offers_;
  std::deque<PlanStep> stores_;
  uint32_t busy_ = 0;  // steps in neither queue
  bool budget_wanted_ = false;
  MemoryState memory_state_;
  struct Filled {
    uint64_t unit = 0;
    uint64_t flow_bytes = 0;  // through the kernel's cache when it was filled
  };
  std::deque<Filled> filled_;  // units that may be unsettled, oldest first
  uint64_t filled_bytes_ = 0;  // of all that were ever among them

  std::chrono::steady_clock::time_point budget_read_;  // the reading thread's alone
  std::thread reader_;
  std::vector<std::thread> storers_;
};

}  // namespace betonfs
