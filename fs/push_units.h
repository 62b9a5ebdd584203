// The units of a dataset file: which are pushed, and what READs tell of those that were.
//
// A unit is Idle, then Queued by its first READ, then Filled.  Of a filled unit READs still tell:
//   of a canary                     the unit is in use: half of its canaries settle it as used
//   of a sample that was pushed     it was evicted: four such READs before the unit was used settle
//                                   it as wasted; after, a new pass over the data has begun
//   of one whose store page is out  the same, seen from the other side (mincore)
//   of one that was not pushed      the kernel did not know the inode then: four, and try again,
//                                   unless that meant reading the disk again
// After an eviction the unit is Idle again.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/bytes.h"
#include "core/dataset.h"
#include "fs/file_pusher.h"
#include "fs/push_counters.h"
#include "fs/push_ledger.h"

namespace betonfs {

// Any thread may call anything; a few atomic operations each, never a wait.  Units are numbered
// from 0 on.
class PushUnits {
 public:
  // A READ of a sample that lies in a unit.
  struct Sign {
    bool canary = false;
    bool had_contents = false;    // the kernel, so it has evicted them
    bool store_evicted = false;   // the store's page is out, and we did not release it
    uint64_t num_pushable = 0;    // files of the whole dataset that a push would store now
    bool refill_is_cheap = true;  // the store's pages were not given back
  };

  // Unit u is the bytes [u, u + 1) * unit size of the file, counted from the unit that the first
  // page lies in, cut to `pages`.  Borrows ledger and tally.
  PushUnits(Extent pages, uint64_t unit_size_bytes, PushLedger& ledger, PushTally& tally);

  uint64_t size() const { return num_units_; }
  uint64_t size_bytes() const { return unit_size_bytes_; }
  uint64_t At(uint64_t offset) const;  // the nearest one for what lies outside
  Extent ExtentOf(uint64_t unit) const;

  bool IsIdle(uint64_t unit) const { return StateOf(unit) == State::kIdle; }
  bool IsFilled(uint64_t unit) const { return StateOf(unit) == State::kFilled; }
  bool WasPushed(uint64_t unit) const { return units_[unit].pushed.load(kRelaxed); }
  SampleIndex ExtraCanary(uint64_t unit) const { return units_[unit].extra_canary.load(kRelaxed); }

  // Idle to Queued, if the ledger allows; `ahead` for who knows what will be read next.
  bool TryTake(uint64_t unit, bool ahead);
  // Queued to Idle: nothing came of it.
  void GiveBack(uint64_t unit);

  // For who fills a queued unit.  Whether the unit was evicted since it was filled last:
  bool TakeStale(uint64_t unit) { return units_[unit].stale.exchange(false); }
  // Stands in where a unit has no canary of its own that could still be read.
  void SetExtraCanary(uint64_t unit, SampleIndex s) {
    units_[unit].extra_canary.store(s, kRelaxed);
  }
  // As many files to push in the whole dataset make another look at the unit worth while.
  void SetRetryAt(uint64_t unit, uint64_t num_pushable) {
    units_[unit].retry_at.store(num_pushable, kRelaxed);
  }
  // Queued to Filled.  So many proofs settle it as used: READs of canaries, or any READs if the
  // unit was only read ahead.
  void Fill(uint64_t unit, uint64_t proofs_wanted, bool pushed);

  // A READ that a filled unit got; whether the unit should be offered again.
  bool Witness(uint64_t unit, const Sign& sign);
  // Proofs beside those that Witness() sees.
  void AddProofs(uint64_t unit, uint64_t count);
  // A filled unit that nobody used, and that is gone by now: its ledger entry is returned.
  void Expire(uint64_t unit);

  // Units that LOOKUPs read ahead and no READ has come for yet.
  void SetByLookup(uint64_t unit) { units_[unit].by_lookup.store(true); }
  bool TakeByLookup(uint64_t unit) {
    return units_[unit].by_lookup.load(kRelaxed) && units_[unit].by_lookup.exchange(false);
  }

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;

  enum class State : uint8_t { kIdle, kQueued, kFilled };
  struct Unit {
    std::atomic<State> state{State::kIdle};
    std::atomic<bool> settled{true};  // with the ledger, since it was filled
    std::atomic<bool> pushed{false};  // filled by pushing; else only read ahead
    std::atomic<bool> stale{false};
    std::atomic<bool> by_lookup{false};
    std::atomic<uint32_t> proofs{0};
    std::atomic<uint32_t> proofs_wanted{0};
    std::atomic<uint32_t> gone{0};    // READs for what had been pushed
    std::atomic<uint32_t> missed{0};  // READs for what had not, its inode being unknown then
    std::atomic<SampleIndex> extra_canary{FilePusher::kNoSample};
    std::atomic<uint64_t> retry_at{0};
  };

  State StateOf(uint64_t unit) const { return units_[unit].state.load(std::memory_order_acquire); }
  bool WitnessEviction(uint64_t unit, bool certain);
  void Settle(uint64_t unit, bool used);
  void Reopen(uint64_t unit, bool evicted);

  const Extent pages_;
  const uint64_t unit_size_bytes_;
  const uint64_t units_offset_;  // of the first unit
  const uint64_t num_units_;
  const std::unique_ptr<Unit[]> units_;
  PushLedger& ledger_;
  PushTally& tally_;
};

}  // namespace betonfs
