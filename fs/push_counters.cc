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
  to.units_pushed = Get(kUnitsPushed);
  to.units_read_ahead = Get(kUnitsReadAhead);
  to.units_skipped = Get(kUnitsSkipped);
  to.offers_dropped = Get(kOffersDropped);
  to.files_pushed = Get(kFilesPushed);
  to.bytes_pushed = Get(kBytesPushed);
  to.files_unknown = Get(kFilesUnknown);
  to.stores_failed = Get(kStoresFailed);
  to.canary_reads = Get(kCanaryReads);
  to.reads_after_push = Get(kReadsAfterPush);
  to.units_used = Get(kUnitsUsed);
  to.units_wasted = Get(kUnitsWasted);
  to.bytes_released = Get(kBytesReleased);
}

}  // namespace betonfs
