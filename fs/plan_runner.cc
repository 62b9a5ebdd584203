#include "fs/plan_runner.h"

#include <algorithm>
#include <vector>

namespace betonfs {
namespace {

constexpr uint64_t kBatch = 128;    // positions per step when samples are pushed one by one
constexpr uint64_t kJudged = 2048;  // positions looked at to see whether a plan is dense
constexpr uint64_t kWindowBytes = 64 << 20;  // most that is pushed ahead of the reader
constexpr uint32_t kMaxStrays = 16;

}  // namespace

void PlanRunner::Arm(PushPlan plan) {
  {
    const std::lock_guard lock(mutex_);
    plan_ = std::make_shared<const PushPlan>(std::move(plan));
    position_ = ahead_ = judged_ = 0;
    strays_ = 0;
  }
  armed_.store(true);
}

void PlanRunner::Disarm() {
  armed_.store(false);
  const std::lock_guard lock(mutex_);
  plan_ = nullptr;
}

// READs far from where the reader should be are someone else's, unless they go on.
void PlanRunner::NoteProgress(SampleIndex sample) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || !plan_) return;
  const auto position = plan_->position_of(sample);
  if (!position || *position <= position_) return;
  const bool stray = *position > ahead_ + kJudged;
  if (stray && ++strays_ < kMaxStrays) return;
  strays_ = 0;
  position_ = *position;
  ahead_ = std::max(ahead_, position_);
}

std::optional<PlanStep> PlanRunner::Next() {
  const std::lock_guard lock(mutex_);
  if (!plan_) return std::nullopt;
  if (ahead_ >= plan_->size) armed_.store(false);  // nothing left to run ahead of
  const uint64_t mean = std::max<uint64_t>(1, extents_.MeanSizeBytes());
  const uint64_t window_bytes = std::min(kWindowBytes, ledger_.budget_bytes() / 2);
  const uint64_t end = std::min(plan_->size, position_ + window_bytes / mean);
  if (ahead_ >= end) return std::nullopt;
  if (ahead_ >= judged_) {
    dense_ = ledger_.unbounded() || IsDense(*plan_, ahead_);
    judged_ = ahead_ + kJudged;
  }
  if (dense_) return NextUnit(end);
  PlanStep step{std::nullopt, ahead_, std::min(kBatch, end - ahead_), plan_};
  ahead_ += step.count;
  return step;
}

std::optional<PlanStep> PlanRunner::NextUnit(uint64_t end) {
  for (; ahead_ < end; ++ahead_) {
    const auto extent = ExtentAt(*plan_, ahead_);
    if (!extent) continue;
    const uint64_t unit = units_.At(extent->offset);
    if (!units_.IsIdle(unit)) continue;
    if (!units_.TryTake(unit, /*ahead=*/true)) return std::nullopt;  // when more has been used
    ++ahead_;
    return PlanStep{unit, 0, 0, nullptr};
  }
  return std::nullopt;
}

std::optional<Extent> PlanRunner::ExtentAt(const PushPlan& plan, uint64_t position) const {
  const auto sample = plan.at(position);
  return sample ? extents_.Of(*sample) : std::nullopt;
}

// Whether the next positions of the plan use a good part of the units they lie in, so that whole
// units are worth reading.
bool PlanRunner::IsDense(const PushPlan& plan, uint64_t first) const {
  uint64_t wanted_bytes = 0;
  std::vector<uint64_t> units;
  for (uint64_t p = first; p < std::min(plan.size, first + kJudged); ++p) {
    const auto extent = ExtentAt(plan, p);
    if (!extent) continue;
    wanted_bytes += extent->size;
    units.push_back(units_.At(extent->offset));
  }
  std::sort(units.begin(), units.end());
  const auto distinct = std::unique(units.begin(), units.end()) - units.begin();
  const uint64_t read_bytes = static_cast<uint64_t>(distinct) * units_.size_bytes();
  return read_bytes <= 4 * wanted_bytes + units_.size_bytes();
}

void PlanRunner::CopyTo(PushCounters& counters) const {
  const std::lock_guard lock(mutex_);
  if (plan_) counters.plan = plan_->name;
  counters.plan_position = position_;
  counters.plan_ahead = ahead_;
}

}  // namespace betonfs
