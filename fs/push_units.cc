#include "fs/push_units.h"

#include <algorithm>

namespace betonfs {
namespace {

constexpr uint32_t kEvictedProof = 4;

uint64_t NumUnits(Extent pages, uint64_t unit_size_bytes) {
  const uint64_t offset = AlignDown(pages.offset, unit_size_bytes);
  return (pages.offset + pages.size - offset + unit_size_bytes - 1) / unit_size_bytes;
}

}  // namespace

PushUnits::PushUnits(Extent pages, uint64_t unit_size_bytes, PushLedger& ledger, PushTally& tally)
    : pages_(pages),
      unit_size_bytes_(unit_size_bytes),
      units_offset_(AlignDown(pages.offset, unit_size_bytes)),
      num_units_(NumUnits(pages, unit_size_bytes)),
      units_(std::make_unique<Unit[]>(num_units_)),
      ledger_(ledger),
      tally_(tally) {}

uint64_t PushUnits::At(uint64_t offset) const {
  if (offset < units_offset_) return 0;
  return std::min((offset - units_offset_) / unit_size_bytes_, num_units_ - 1);
}

Extent PushUnits::ExtentOf(uint64_t unit) const {
  const uint64_t begin = std::max(units_offset_ + unit * unit_size_bytes_, pages_.offset);
  const uint64_t end =
      std::min(units_offset_ + (unit + 1) * unit_size_bytes_, pages_.offset + pages_.size);
  return {begin, end - begin};
}

bool PushUnits::TryTake(uint64_t unit, bool ahead) {
  const uint64_t size_bytes = ExtentOf(unit).size;
  if (!(ahead ? ledger_.TryTakeAhead(size_bytes) : ledger_.TryTake(size_bytes))) return false;
  State expected = State::kIdle;
  if (units_[unit].state.compare_exchange_strong(expected, State::kQueued)) return true;
  ledger_.Returned(size_bytes);
  return false;
}

void PushUnits::GiveBack(uint64_t unit) {
  units_[unit].state.store(State::kIdle);
  ledger_.Returned(ExtentOf(unit).size);
}

void PushUnits::Fill(uint64_t index, uint64_t proofs_wanted, bool pushed) {
  Unit& unit = units_[index];
  unit.proofs.store(0);
  unit.proofs_wanted.store(static_cast<uint32_t>(proofs_wanted));
  unit.gone.store(0);
  unit.missed.store(0);
  unit.pushed.store(pushed);
  unit.settled.store(false);
  unit.state.store(State::kFilled, std::memory_order_release);
}

bool PushUnits::Witness(uint64_t index, const Sign& sign) {
  Unit& unit = units_[index];
  const bool pushed = WasPushed(index);
  if (sign.store_evicted) return WitnessEviction(index, true);
  if (pushed && sign.had_contents) {
    tally_.Add(PushTally::kReadsAfterPush);
    return WitnessEviction(index, false);
  }
  if (pushed && sign.canary) tally_.Add(PushTally::kCanaryReads);
  if (!pushed || sign.canary) AddProofs(index, 1);
  const bool missed =
      pushed && !sign.canary && unit.missed.fetch_add(1, kRelaxed) + 1 == kEvictedProof;
  const bool retry = !pushed && sign.num_pushable >= unit.retry_at.load(kRelaxed);
  if ((!missed && !retry) || !sign.refill_is_cheap) return false;
  Reopen(index, false);
  return true;
}

void PushUnits::AddProofs(uint64_t index, uint64_t count) {
  Unit& unit = units_[index];
  const uint32_t added = static_cast<uint32_t>(count);
  const uint32_t proofs = unit.proofs.fetch_add(added, kRelaxed) + added;
  if (proofs >= unit.proofs_wanted.load(kRelaxed)) Settle(index, true);
}

void PushUnits::Expire(uint64_t index) {
  if (IsFilled(index) && !units_[index].settled.load(kRelaxed)) Reopen(index, true);
}

// `certain`: the store's own page is gone, and with it most likely the unit.  A READ alone may have
// been under way while its sample was pushed.
bool PushUnits::WitnessEviction(uint64_t index, bool certain) {
  Unit& unit = units_[index];
  const bool free_again = ledger_.unbounded() || unit.settled.load(kRelaxed);
  const uint32_t gone = unit.gone.fetch_add(1, kRelaxed) + 1;
  if (gone < kEvictedProof && !(certain && free_again)) return false;
  if (!free_again) Settle(index, false);
  Reopen(index, true);
  return free_again;
}

void PushUnits::Settle(uint64_t unit, bool used) {
  if (units_[unit].settled.exchange(true)) return;
  const uint64_t size_bytes = ExtentOf(unit).size;
  used ? ledger_.Used(size_bytes) : ledger_.Wasted(size_bytes);
  tally_.Add(used ? PushTally::kUnitsUsed : PushTally::kUnitsWasted);
}

void PushUnits::Reopen(uint64_t index, bool evicted) {
  Unit& unit = units_[index];
  if (!unit.settled.exchange(true)) ledger_.Returned(ExtentOf(index).size);
  if (evicted) unit.stale.store(true);
  State expected = State::kFilled;
  unit.state.compare_exchange_strong(expected, State::kIdle);
}

}  // namespace betonfs
