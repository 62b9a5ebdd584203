// Runs ahead of a reader whose order is known.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/dataset.h"
#include "fs/push_ledger.h"
#include "fs/push_units.h"
#include "fs/sample_extents.h"

namespace betonfs {

// What a reader will want next, position by position.  Immutable.
struct PushPlan {
  std::string name;  // for people
  uint64_t size = 0;
  // nullopt: nothing of this dataset (one of several files of a mount).
  std::function<std::optional<SampleIndex>(uint64_t position)> at;
  std::function<std::optional<uint64_t>(SampleIndex)> position_of;
};

// What a plan wants next: a whole unit, taken from the ledger, or single samples.
struct PlanStep {
  std::optional<uint64_t> unit;
  uint64_t first = 0;  // else the positions [first, first + count) of `plan`
  uint64_t count = 0;
  std::shared_ptr<const PushPlan> plan;
};

// Any thread may call anything.
class PlanRunner {
 public:
  PlanRunner(const SampleExtents& extents, const PushLedger& ledger, PushUnits& units)
      : extents_(extents), ledger_(ledger), units_(units) {}  // borrows them

  void Arm(PushPlan plan);
  void Disarm();
  bool armed() const { return armed_.load(std::memory_order_relaxed); }

  // The reader has come to `sample`.  A hint from a request worker, so it never waits.
  void NoteProgress(SampleIndex sample);

  // The next that the reader is going to need; nullopt if the pusher is far enough ahead.
  std::optional<PlanStep> Next();

  // Calls `f(sample, extent)` for what of `step`, which is one of samples, lies in this dataset.
  template <class F>
  void ForEachSample(const PlanStep& step, F f) const {
    for (uint64_t p = step.first; p < step.first + step.count; ++p) {
      const auto sample = step.plan->at(p);
      if (!sample) continue;
      if (const auto extent = extents_.Of(*sample)) f(*sample, *extent);
    }
  }

  void CopyTo(PushCounters& counters) const;

 private:
  std::optional<PlanStep> NextUnit(uint64_t end);
  std::optional<Extent> ExtentAt(const PushPlan& plan, uint64_t position) const;
  bool IsDense(const PushPlan& plan, uint64_t first) const;

  const SampleExtents& extents_;
  const PushLedger& ledger_;
  PushUnits& units_;

  std::atomic<bool> armed_{false};
  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<const PushPlan> plan_;
  uint64_t position_ = 0;  // the reader has come this far
  uint64_t ahead_ = 0;     // what is before this is pushed or queued
  uint32_t strays_ = 0;    // READs in a row far from where the reader should be
  uint64_t judged_ = 0;    // up to here it is known whether the plan is dense
  bool dense_ = false;
};

}  // namespace betonfs
