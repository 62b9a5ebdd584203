#include "fs/push_counters.h"

namespace betonfs {

PushCounters& PushCounters::operator+=(const PushCounters& other) {
  for (auto member :
       {&PushCounters::units_pushed, &PushCounters::units_read_ahead, &PushCounters::units_skipped,
        &PushCounters::offers_dropped, &PushCounters::offers_refused, &PushCounters::files_pushed,
        &PushCounters::bytes_pushed, &PushCounters::files_unknown, &PushCounters::stores_failed,
        &PushCounters::canary_reads, &PushCounters::reads_after_push, &PushCounters::units_used,
        &PushCounters::units_wasted, &PushCounters::bytes_released,
        &PushCounters::outstanding_bytes, &PushCounters::budget_bytes,
        &PushCounters::allowed_bytes}) {
    this->*member += other.*member;
  }
  everything_fits = everything_fits && other.everything_fits;
  plan_position = std::max(plan_position, other.plan_position);
  plan_ahead = std::max(plan_ahead, other.plan_ahead);
  return *this;
}

void PushTally::CopyTo(PushCounters& to) const {
  const auto get = [this](Counter counter) {
    return counters_[counter].load(std::memory_order_relaxed);
  };
  to.units_pushed = get(kUnitsPushed);
  to.units_read_ahead = get(kUnitsReadAhead);
  to.units_skipped = get(kUnitsSkipped);
  to.offers_dropped = get(kOffersDropped);
  to.files_pushed = get(kFilesPushed);
  to.bytes_pushed = get(kBytesPushed);
  to.files_unknown = get(kFilesUnknown);
  to.stores_failed = get(kStoresFailed);
  to.canary_reads = get(kCanaryReads);
  to.reads_after_push = get(kReadsAfterPush);
  to.units_used = get(kUnitsUsed);
  to.units_wasted = get(kUnitsWasted);
  to.bytes_released = get(kBytesReleased);
}

}  // namespace betonfs
