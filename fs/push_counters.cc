#include "fs/push_counters.h"

#include <iterator>

namespace betonfs {
namespace {

struct Counted {
  PushTally::Counter counter;
  uint64_t PushCounters::*member;
};

constexpr Counted kCounted[] = {
    {PushTally::kUnitsPushed, &PushCounters::units_pushed},
    {PushTally::kUnitsReadAhead, &PushCounters::units_read_ahead},
    {PushTally::kUnitsSkipped, &PushCounters::units_skipped},
    {PushTally::kOffersDropped, &PushCounters::offers_dropped},
    {PushTally::kFilesPushed, &PushCounters::files_pushed},
    {PushTally::kBytesPushed, &PushCounters::bytes_pushed},
    {PushTally::kFilesUnknown, &PushCounters::files_unknown},
    {PushTally::kStoresFailed, &PushCounters::stores_failed},
    {PushTally::kCanaryReads, &PushCounters::canary_reads},
    {PushTally::kReadsAfterPush, &PushCounters::reads_after_push},
    {PushTally::kUnitsUsed, &PushCounters::units_used},
    {PushTally::kUnitsWasted, &PushCounters::units_wasted},
    {PushTally::kBytesReleased, &PushCounters::bytes_released},
};
static_assert(std::size(kCounted) == PushTally::kNumCounters);

}  // namespace

PushCounters& PushCounters::operator+=(const PushCounters& other) {
  for (const Counted& counted : kCounted) this->*counted.member += other.*counted.member;
  offers_refused += other.offers_refused;
  outstanding_bytes += other.outstanding_bytes;
  budget_bytes += other.budget_bytes;
  allowed_bytes += other.allowed_bytes;
  everything_fits = everything_fits && other.everything_fits;
  plan_position = std::max(plan_position, other.plan_position);
  plan_ahead = std::max(plan_ahead, other.plan_ahead);
  return *this;
}

void PushTally::CopyTo(PushCounters& to) const {
  for (const auto& [counter, member] : kCounted) to.*member = Get(counter);
}

}  // namespace betonfs
