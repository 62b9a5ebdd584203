// Fills the kernel's cache page by page, so that most files are never asked for.
//
// The first READ in a unit (a page of the file, or 8 MiB of a larger one) brings the whole unit
// into the store's page cache, in one sequential sweep, and stores the unit's other samples into
// the kernel's cache for their inodes.  Once pushed, reads are invisible, so one sample in 64 (a
// canary) is left out on purpose: its READs tell that a unit is being used.  A READ for a sample
// that was pushed tells that it was evicted.  From the two the PushLedger learns whether pushing
// pays, and bounds what is pushed and not yet used.  See design notes in page_pusher.cc.
//
// Where the order of an epoch is known (Arm), the pusher runs ahead of the reader along it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/bytes.h"
#include "core/dataset.h"
#include "fs/atomic_bitmap.h"
#include "fs/memory_budget.h"
#include "fs/push_ledger.h"

namespace betonfs {

enum class PushMode {
  kOff,
  kAuto,  // where it pays: samples small enough that a round trip costs more than a copy
  kPage,  // whatever the size of the samples
};
std::optional<PushMode> ParsePushMode(std::string_view text);  // "off", "auto", "page"
const char* PushModeName(PushMode mode);

struct PushOptions {
  PushMode mode = PushMode::kAuto;
  uint64_t budget_bytes = 0;  // of pushed and not yet used samples; 0: a quarter of the memory
  uint32_t num_threads = 2;   // that store; one more reads ahead
  uint32_t files_per_sample = 1;
  // kAuto: mean size of a unit's samples above which it is read ahead and not pushed.
  uint64_t max_mean_sample_bytes = 48 << 10;
  uint64_t max_unit_bytes = 8 << 20;
  uint64_t data_bytes = 0;  // of all files of the mount, which share the memory; 0: this one alone
};

// What a reader will want next, position by position.  Immutable.
struct PushPlan {
  std::string name;  // for people
  uint64_t size = 0;
  // nullopt: nothing of this dataset (one of several files of a mount).
  std::function<std::optional<SampleIndex>(uint64_t position)> at;
  std::function<std::optional<uint64_t>(SampleIndex)> position_of;
};

struct PushCounters {
  uint64_t units_pushed = 0;
  uint64_t units_read_ahead = 0;  // from disk, whether pushed or not
  uint64_t units_skipped = 0;     // the kernel knew too few of their inodes
  uint64_t offers_dropped = 0;    // queue full or busy
  uint64_t offers_refused = 0;    // by the ledger
  uint64_t files_pushed = 0;
  uint64_t bytes_pushed = 0;
  uint64_t files_unknown = 0;       // the kernel had forgotten the inode
  uint64_t stores_failed = 0;       // for any other reason
  uint64_t canary_reads = 0;        // of units that were pushed
  uint64_t reads_after_push = 0;    // READs for samples that were pushed: evicted
  uint64_t units_used = 0;          // settled by their canaries
  uint64_t units_wasted = 0;        // evicted before use
  uint64_t bytes_released = 0;      // of the store, so that memory is not paid twice
  uint64_t outstanding_bytes = 0;   // pushed and not known to be used
  uint64_t budget_bytes = 0;        // what that may grow to
  uint64_t allowed_bytes = 0;       // after backing off
  bool everything_fits = false;     // into memory: the budget does not bind
  std::string memory_bounded_by;    // see MemoryState
  uint64_t memory_cache_bytes = 0;  // see MemoryState
  std::string plan;                 // name of the armed order, or empty
  uint64_t plan_position = 0;       // of the reader
  uint64_t plan_ahead = 0;          // where the pusher is
  std::string off_reason;           // why nothing is pushed, or empty

  PushCounters& operator+=(const PushCounters& other);  // of another file of the mount

  // READs avoided cannot be counted, since they do not happen; this is the most they can be.
  uint64_t MostReadsAvoided() const {
    return files_pushed - std::min(files_pushed, reads_after_push);
  }
};

// The On...() calls come from request workers, any number at once; they never wait and cost a few
// loads, stores and at most one attempt at a lock.  A file is sample * files_per_sample + k.
class PagePusher {
 public:
  // Stores all of `file` into the kernel's cache for its inode.  Called by the pusher's own threads
  // only, never two at once for one file.  Returns the bytes stored or a negative errno: -ENOENT
  // (the kernel does not know the inode) is normal; -ENODEV and -ENOTCONN mean the mount is gone.
  using Store = std::function<int64_t(uint64_t file)>;

  // Borrows `dataset` and `memory`, which outlive it.  Starts its threads unless the mode is kOff.
  // Where the samples of the file do not ascend (FFCV's own, written by several workers) units are
  // only read ahead, and the counters say so.
  PagePusher(const Dataset& dataset, const MemoryBudget& memory, const PushOptions& options,
             Store store);
  ~PagePusher();  // stops
  PagePusher(const PagePusher&) = delete;
  PagePusher& operator=(const PagePusher&) = delete;

  // No store is under way and none will start once it returns.  Call it while requests are still
  // being answered: a store may be waiting for a READ under way.  May be called twice.
  void Stop();

  // A READ of the start of `file` is about to be answered from `payload_offset` of the dataset.
  void OnRead(uint64_t file, uint64_t payload_offset);
  // A LOOKUP was answered: a reader without a scan wants the file next.
  void OnLookup(uint64_t file);
  // READDIRPLUS told the kernel of the inode.
  void OnListed(uint64_t file);
  void OnForget(uint64_t file);

  // Runs ahead along `plan` from its start, in place of any plan before.
  void Arm(PushPlan plan);
  void Disarm();

  PushCounters counters() const;

  // Whether the sample is left out of pushes: one of every 64, chosen by its number.
  static bool IsCanary(uint64_t sample);

  // Returns once no work is queued or under way; for tests.
  void WaitUntilIdle();

 private:
  enum class State : uint8_t { kIdle, kQueued, kFilled };
  struct Unit {
    std::atomic<State> state{State::kIdle};
    std::atomic<bool> settled{true};     // with the ledger, since it was filled
    std::atomic<bool> pushed{false};     // filled by pushing; else only read ahead
    std::atomic<bool> stale{false};      // present_ bits are from before it was evicted
    std::atomic<bool> by_lookup{false};  // no READ has come yet for what a LOOKUP read ahead
    std::atomic<uint32_t> proofs{0};     // of use: canary READs; of a unit read ahead, all READs
    std::atomic<uint32_t> proofs_wanted{0};
    std::atomic<uint32_t> gone{0};    // READs for what had been pushed
    std::atomic<uint32_t> missed{0};  // READs for what had not, its inode being unknown then
    // Stands in where a unit has no canary of its own that could still be read.
    std::atomic<uint64_t> extra_canary{UINT64_MAX};
    std::atomic<uint64_t> retry_known{0};  // as many known inodes make another push worth while
  };
  struct Job {
    bool is_unit;
    uint64_t first;  // the unit; or of `plan` the positions [first, first + count)
    uint64_t count = 1;
    std::shared_ptr<const PushPlan> plan;
  };
  enum Counter {
    kUnitsPushed,
    kUnitsReadAhead,
    kUnitsSkipped,
    kDropped,
    kFilesPushed,
    kBytesPushed,
    kFilesUnknown,
    kStoresFailed,
    kCanaryReads,
    kReadsAfterPush,
    kUnitsUsed,
    kUnitsWasted,
    kBytesReleased,
    kNumCounters
  };

  // Geometry: unit u is the bytes [u, u + 1) * unit size of the file, counted from the first page.
  uint64_t UnitAt(uint64_t offset) const;
  Extent UnitExtent(uint64_t unit) const;
  std::optional<Extent> ExtentOf(uint64_t sample) const;
  std::optional<Extent> ExtentAt(const PushPlan& plan, uint64_t position) const;
  bool Resident(uint64_t offset) const;

  // Request workers.
  void Offer(uint64_t unit, bool by_lookup);
  void Witness(uint64_t unit, uint64_t file, uint64_t payload_offset, bool was_present);
  void WitnessEviction(uint64_t unit, bool certain);
  void Settle(uint64_t unit, bool used);
  void Reopen(uint64_t unit);
  void NoteProgress(SampleIndex sample);

  // The thread that reads ahead.
  void ReadAheadLoop();
  std::optional<Job> NextJob();
  void HandOn(Job job);
  void ReadAhead(const Job& job);
  bool ReadAhead(Extent extent);
  void RefreshBudget();

  // The same thread, along an armed plan.
  std::optional<Job> NextOfPlan();
  bool TakeUnit(uint64_t unit);
  bool IsDense(const PushPlan& plan, uint64_t first) const;

  // The threads that store.
  void StoreLoop();
  void PushUnit(uint64_t unit);
  bool IsWorthPushing(Unit& unit, Extent extent, SampleRange samples);
  uint64_t ChooseCanaries(Unit& unit, SampleRange samples);
  void PushSamples(SampleRange samples, uint64_t extra_canary);
  bool PushSample(uint64_t sample);
  bool PushFile(uint64_t file);
  void FinishUnit(Unit& unit, uint64_t proofs_wanted, bool pushed);
  void Release(Extent extent);

  void Add(Counter counter, uint64_t value = 1) {
    counters_[counter].fetch_add(value, std::memory_order_relaxed);
  }
  uint64_t Get(Counter counter) const { return counters_[counter].load(std::memory_order_relaxed); }

  const Dataset& dataset_;
  const MemoryBudget& memory_;
  const PushOptions options_;
  const Store store_;

  std::string off_reason_;  // constant once constructed
  uint64_t unit_size_bytes_ = 0;
  uint64_t units_offset_ = 0;  // of the first unit
  uint64_t num_units_ = 0;
  std::unique_ptr<Unit[]> units_;

  AtomicBitmap known_;    // the kernel has the inode
  AtomicBitmap present_;  // and its contents, as far as we can tell
  std::atomic<uint64_t> num_known_{0};
  std::atomic<int> lookup_credit_;  // units that LOOKUPs may yet read ahead without any READ
  PushLedger ledger_;
  std::atomic<bool> release_store_{false};
  std::array<std::atomic<uint64_t>, kNumCounters> counters_{};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> unordered_{false};

  mutable std::mutex mutex_;  // guards what follows; never held across a system call
  std::condition_variable wake_reader_;
  std::condition_variable wake_storers_;
  std::condition_variable wake_idle_;
  std::deque<Job> offers_;
  std::deque<Job> stores_;
  uint32_t busy_ = 0;  // jobs in neither queue
  MemoryState memory_state_;
  std::chrono::steady_clock::time_point budget_read_;

  mutable std::mutex plan_mutex_;  // guards what follows; request workers only try it
  std::shared_ptr<const PushPlan> plan_;
  uint64_t plan_position_ = 0;  // the reader has come this far
  uint64_t plan_ahead_ = 0;     // what is before this is pushed or queued
  uint32_t plan_strays_ = 0;    // READs in a row far from where the reader should be
  uint64_t plan_judged_ = 0;    // up to here it is known whether the plan is dense
  bool plan_dense_ = false;
  std::atomic<bool> armed_{false};

  std::thread reader_;
  std::vector<std::thread> storers_;
};

}  // namespace betonfs
