#include "fs/page_pusher.h"

#include <algorithm>

namespace betonfs {
namespace {

constexpr size_t kMaxOffers = 1024;
constexpr size_t kMaxUnitsInFlight = 8;  // read ahead and not yet stored
constexpr int kLookupCredit = 8;
constexpr uint32_t kSequentialUnits = 2;
constexpr uint64_t kMinUnitBytes = 1 << 20;
constexpr auto kBudgetAge = std::chrono::milliseconds(200);
constexpr auto kPlanPoll = std::chrono::milliseconds(10);

std::string OffReason(const Dataset& dataset, const PushOptions& options) {
  if (options.mode == PushMode::kOff) return "push=off";
  return dataset.num_samples() == 0 || dataset.pages().size == 0 ? "no payloads" : "";
}

uint64_t UnitSize(const Dataset& dataset, const PushOptions& options) {
  return std::min<uint64_t>(options.max_unit_bytes,
                            std::max<uint64_t>(dataset.page_size_bytes(), kMinUnitBytes));
}

}  // namespace

PagePusher::PagePusher(const Dataset& dataset, const MemoryBudget& memory,
                       const PushOptions& options, FilePusher::Store store)
    : dataset_(dataset),
      memory_(memory),
      options_(options),
      off_reason_(OffReason(dataset, options)),
      extents_(dataset),
      cache_(dataset.file()),
      files_(extents_, cache_, on() ? dataset.num_samples() : 0, options.files_per_sample,
             std::move(store), tally_),
      units_(on() ? dataset.pages() : Extent{}, UnitSize(dataset, options), ledger_, tally_),
      plan_(extents_, ledger_, units_),
      lookup_credit_(kLookupCredit) {
  if (!on()) return;
  RefreshBudget();
  reader_ = std::thread([this] { ReadAheadLoop(); });
  for (uint32_t i = 0; i < options.num_threads; ++i) {
    storers_.emplace_back([this] { StoreLoop(); });
  }
}

PagePusher::~PagePusher() { Stop(); }

void PagePusher::Stop() {
  files_.Stop();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_reader_.notify_all();
  wake_storers_.notify_all();
  if (reader_.joinable()) reader_.join();
  for (std::thread& storer : storers_) {
    if (storer.joinable()) storer.join();
  }
  wake_idle_.notify_all();
}

// ---- Request workers

void PagePusher::OnListed(uint64_t file) {
  if (on()) files_.MarkKnown(file);
}

void PagePusher::OnForget(uint64_t file) {
  if (on()) files_.MarkForgotten(file);
}

void PagePusher::OnLookup(uint64_t file) {
  if (!on()) return;
  files_.MarkKnown(file);
  const SampleIndex sample{SampleOf(file)};
  if (plan_.armed()) plan_.NoteProgress(sample);
  if (lookup_credit_.load(std::memory_order_relaxed) <= 0) return;
  const auto extent = extents_.Of(sample);
  if (!extent) return;
  const uint64_t unit = units_.At(extent->offset);
  if (units_.IsIdle(unit)) Offer(unit, true);
}

void PagePusher::OnRead(uint64_t file, Extent payload) {
  if (!on()) return;
  const uint64_t sample = SampleOf(file);
  const uint64_t unit = units_.At(payload.offset);
  const bool sequential = NoteUnit(unit);
  if (plan_.armed()) plan_.NoteProgress(SampleIndex{sample});
  if (units_.TakeByLookup(unit)) lookup_credit_.fetch_add(1, std::memory_order_relaxed);
  // The kernel reads ahead of such a reader by itself, and each byte that we store has to push out
  // another: measured, 0.9x to 1.1x of push=off without pushes, 0.8x with them.  What passes
  // through is not there for long, so it does not count as read either.
  if (sequential && scarce() && units_.IsIdle(unit)) return;
  const bool had_contents = files_.MarkRead(file);
  const bool resident = cache_.Has(payload);
  if (!resident) cache_.Fetch(payload);  // first what the reader waits for, then the rest
  if (units_.IsIdle(unit)) {
    Offer(unit, false);
  } else if (units_.IsFilled(unit)) {
    Witness(unit, sample, resident, had_contents);
  }
  if (sequential && !scarce()) OfferNext(unit);
}

// Whether READs come to the units in the order of the file.  READs of pushed units are rare
// (canaries), so what counts is which units they come to.
bool PagePusher::NoteUnit(uint64_t unit) {
  const uint64_t last = last_unit_.load(std::memory_order_relaxed);
  if (unit != last && unit + 1 != last) {  // several readers cross a border one by one
    const uint32_t ascending = num_ascending_.load(std::memory_order_relaxed);
    num_ascending_.store(unit == last + 1 ? ascending + 1 : 0, std::memory_order_relaxed);
    last_unit_.store(unit, std::memory_order_relaxed);
  }
  return IsSequential();
}

bool PagePusher::IsSequential() const {
  return num_ascending_.load(std::memory_order_relaxed) >= kSequentialUnits;
}

// A sequential reader would meet every unit just as it is read from disk.
void PagePusher::OfferNext(uint64_t unit) {
  if (unit + 1 < units_.size() && units_.IsIdle(unit + 1)) Offer(unit + 1, false);
}

// Where memory is short the kernel's copy of the file has to do: a second one would push out what
// others are about to read, the more since mapped pages are the last that the kernel evicts.
void PagePusher::OnReadAnswered(Extent payload) {
  if (!on() || !scarce() || IsSequential()) return;
  tally_.Add(PushTally::kBytesReleased, cache_.Release(payload));
}

void PagePusher::Witness(uint64_t unit, uint64_t sample, bool resident, bool had_contents) {
  PushUnits::Sign sign;
  sign.canary = IsCanary(SampleIndex{sample}) || SampleIndex{sample} == units_.ExtraCanary(unit);
  sign.had_contents = had_contents;
  // What we released ourselves is no sign of anything.
  const bool released = units_.WasPushed(unit) && scarce();
  sign.store_evicted = !released && !resident;
  sign.num_pushable = files_.num_pushable();
  sign.refill_is_cheap = !scarce();
  if (units_.Witness(unit, sign)) Offer(unit, false);
}

void PagePusher::Offer(uint64_t unit, bool by_lookup) {
  if (!units_.TryTake(unit, /*ahead=*/false)) return AskForBudget();
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || offers_.size() >= kMaxOffers || stopping_) {
    units_.GiveBack(unit);
    return tally_.Add(PushTally::kOffersDropped);
  }
  if (by_lookup) {
    units_.SetByLookup(unit);
    lookup_credit_.fetch_sub(1, std::memory_order_relaxed);
  }
  offers_.push_back({unit, 0, 0, nullptr});
  lock.unlock();
  wake_reader_.notify_one();
}

// Refused for want of budget: perhaps there is more memory by now, or a unit has expired.
void PagePusher::AskForBudget() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || std::exchange(budget_wanted_, true)) return;
  wake_reader_.notify_one();
}

void PagePusher::Arm(PushPlan plan) {
  if (!on()) return;
  plan_.Arm(std::move(plan));
  { const std::lock_guard lock(mutex_); }  // the reader is before its test or already waits
  wake_reader_.notify_all();
}

void PagePusher::Disarm() { plan_.Disarm(); }

// ---- Reading ahead

void PagePusher::ReadAheadLoop() {
  while (auto step = NextStep()) {
    RefreshBudgetIfOld();
    ReadAhead(*step);
    HandOn(*std::move(step));
  }
}

// Blocks; nullopt to stop.
std::optional<PlanStep> PagePusher::NextStep() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      const auto ready = [this] { return stopping_ || !offers_.empty(); };
      if (plan_.armed()) {
        wake_reader_.wait_for(lock, kPlanPoll, ready);
      } else {
        wake_reader_.wait(lock, [&] { return ready() || plan_.armed() || budget_wanted_; });
        if (budget_wanted_) wake_reader_.wait_until(lock, budget_read_ + kBudgetAge, ready);
      }
      budget_wanted_ = false;
      if (stopping_) return std::nullopt;
      if (!offers_.empty()) {
        PlanStep step = std::move(offers_.front());
        offers_.pop_front();
        ++busy_;
        return step;
      }
    }
    RefreshBudgetIfOld();
    if (auto step = plan_.Next()) {
      const std::lock_guard lock(mutex_);
      if (stopping_) return std::nullopt;
      ++busy_;
      return step;
    }
  }
}

void PagePusher::ReadAhead(const PlanStep& step) {
  if (step.unit) {
    if (cache_.ReadAhead(units_.ExtentOf(*step.unit))) tally_.Add(PushTally::kUnitsReadAhead);
    return;
  }
  plan_.ForEachSample(step, [this](SampleIndex, Extent extent) { cache_.ReadAhead(extent); });
}

void PagePusher::HandOn(PlanStep step) {
  std::unique_lock lock(mutex_);
  // Where memory is short one at a time, since each is there twice until it is stored.
  const size_t most = scarce() ? 1 : kMaxUnitsInFlight;
  const auto others = [this] { return stores_.size() + busy_ - 1; };  // without this one
  wake_reader_.wait(lock, [&] { return stopping_ || others() < most; });
  stores_.push_back(std::move(step));
  --busy_;
  lock.unlock();
  wake_storers_.notify_one();
}

void PagePusher::RefreshBudgetIfOld() {
  if (std::chrono::steady_clock::now() - budget_read_ <= kBudgetAge) return;
  RefreshBudget();
  ExpireUnits();
}

// Where memory is short, what is stored is there but once: room for the unit in the making is all
// that has to be left.
uint64_t PagePusher::DefaultBudget(uint64_t cache_bytes, bool twice) const {
  const uint64_t half = cache_bytes / 2;
  return twice ? half : std::max(half, cache_bytes - std::min(cache_bytes, units_.size_bytes()));
}

// All of the data twice, in the store's cache and in the files', must fit for the budget not to
// bind.  The files of a mount share the budget by their sizes.
void PagePusher::RefreshBudget() {
  MemoryState state = memory_.Read();
  const uint64_t own_bytes = dataset_.pages().size;
  const uint64_t data_bytes = std::max(options_.data_bytes, own_bytes);
  const bool twice = data_bytes <= state.cache_bytes / 2;
  const uint64_t chosen = options_.budget_bytes;
  const uint64_t budget =
      chosen ? std::min(chosen, state.cache_bytes) : DefaultBudget(state.cache_bytes, twice);
  const double share = static_cast<double>(own_bytes) / static_cast<double>(data_bytes);
  ledger_.SetBudget(static_cast<uint64_t>(static_cast<double>(budget) * share),
                    twice && (!chosen || data_bytes <= chosen));
  scarce_.store(!twice, std::memory_order_relaxed);
  budget_read_ = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  memory_state_ = std::move(state);
}

// The kernel evicts what came first, so a unit behind which a whole cache has come is gone.  Nobody
// used it to the end, or READs would have told: a reader who has left.
void PagePusher::ExpireUnits() {
  const std::lock_guard lock(mutex_);
  const uint64_t flow_bytes = FlowBytes();
  while (!filled_.empty() && flow_bytes - filled_.front().flow_bytes > memory_state_.cache_bytes) {
    units_.Expire(filled_.front().unit);
    filled_.pop_front();
  }
}

// What was put into the kernel's cache: whole units, and by READs where those were refused.  Every
// unit adds to it, so that as many wait to expire as the cache holds, and no more.
uint64_t PagePusher::FlowBytes() const {
  return filled_bytes_ + ledger_.refused() * extents_.MeanSizeBytes();
}

// ---- Storing

void PagePusher::StoreLoop() {
  while (true) {
    std::unique_lock lock(mutex_);
    wake_storers_.wait(lock, [this] { return stopping_ || !stores_.empty(); });
    if (stopping_) return;
    const PlanStep step = std::move(stores_.front());
    stores_.pop_front();
    ++busy_;
    lock.unlock();
    if (step.unit) {
      PushUnit(*step.unit);
    } else {
      plan_.ForEachSample(step, [this](SampleIndex sample, Extent) {
        files_.Push({Number(sample), 1}, FilePusher::kNoSample, scarce());
      });
    }
    lock.lock();
    --busy_;
    if (step.unit && !ledger_.unbounded()) {
      filled_bytes_ += units_.ExtentOf(*step.unit).size;
      filled_.push_back({*step.unit, FlowBytes()});
    }
    lock.unlock();
    wake_reader_.notify_one();
    wake_idle_.notify_all();
  }
}

void PagePusher::PushUnit(uint64_t unit) {
  const Extent extent = units_.ExtentOf(unit);
  const auto samples = extents_.In(extent);
  if (!samples && samples.error().kind == ErrorKind::kUnsupported) unordered_.store(true);
  if (!samples || samples->count == 0) return units_.Fill(unit, 1, false);
  if (units_.TakeStale(unit)) files_.MarkEvicted(*samples);
  const bool pushes = IsWorthPushing(unit, *samples);
  // What is mapped is what the kernel evicts last; READs that come one by one map what they need.
  if (pushes || !scarce()) cache_.Populate(extent);
  if (!pushes) return units_.Fill(unit, (samples->count + 1) / 2, false);
  ChooseExtraCanary(unit, *samples);
  const uint64_t canaries = CountCanaries(unit, *samples);
  files_.Push(*samples, units_.ExtraCanary(unit), scarce());
  tally_.Add(PushTally::kUnitsPushed);
  units_.Fill(unit, canaries - canaries / 8, true);
  // Some may have been read while the others were pushed.
  units_.AddProofs(unit, canaries - std::min(canaries, CountCanaries(unit, *samples)));
}

// Sets when to ask again if not.
//
// What pays, measured on two cores: a READ costs a round trip of 12 to 38 us and a copy; a store
// costs the copy and some 2 us, on a thread that runs while readers wait for the disk.  Pushing is
// worth 2x for samples of 12 KB, 1.2x for 110 KB (cached; 1.5x from disk) and 1.0x to 1.9x for
// 500 KB; at 1.5 MB it takes the cores from two readers and loses up to a quarter.  So kAuto pushes
// what is well below that, and only reads the rest ahead.
bool PagePusher::IsWorthPushing(uint64_t unit, SampleRange samples) {
  const uint64_t mean = units_.ExtentOf(unit).size / samples.count;
  const bool large = options_.mode == PushMode::kAuto ? mean > options_.max_mean_sample_bytes
                                                      : mean > options_.max_unit_bytes;
  units_.SetRetryAt(unit, UINT64_MAX);
  if (large) return false;
  // Of a reader who goes by a list the kernel knows what was read already, and nothing else.
  const uint64_t enough = std::max<uint64_t>(2, files_.CountFiles(samples) / 8);
  if (files_.CountPushable(samples) >= enough) return true;
  // Only a scan makes many files known that nobody has read.  Doubling bounds how often it makes
  // us look in vain.
  units_.SetRetryAt(unit, std::max(enough, 2 * files_.num_pushable()));
  tally_.Add(PushTally::kUnitsSkipped);
  return false;
}

// Only a sample that the kernel does not have yet can bear witness.
uint64_t PagePusher::CountCanaries(uint64_t unit, SampleRange samples) const {
  uint64_t canaries = 0;
  for (uint64_t s = samples.first; s < samples.first + samples.count; ++s) {
    const bool canary = IsCanary(SampleIndex{s}) || SampleIndex{s} == units_.ExtraCanary(unit);
    canaries += canary && !files_.HasContents(s);
  }
  return canaries;
}

void PagePusher::ChooseExtraCanary(uint64_t unit, SampleRange samples) {
  units_.SetExtraCanary(unit, FilePusher::kNoSample);
  if (CountCanaries(unit, samples) > 0) return;
  SampleIndex absent = FilePusher::kNoSample;
  for (uint64_t s = samples.first; s < samples.first + samples.count; ++s) {
    const bool first_half = s <= samples.first + samples.count / 2;
    const bool better = absent == FilePusher::kNoSample || first_half;
    if (better && !files_.HasContents(s)) absent = SampleIndex{s};
  }
  units_.SetExtraCanary(unit, absent);
}

// ---- Reporting

PushCounters PagePusher::counters() const {
  PushCounters c;
  tally_.CopyTo(c);
  plan_.CopyTo(c);
  c.offers_refused = ledger_.refused();
  c.outstanding_bytes = ledger_.outstanding_bytes();
  c.budget_bytes = ledger_.budget_bytes();
  c.allowed_bytes = ledger_.allowed_bytes();
  c.everything_fits = ledger_.unbounded();
  c.off_reason = unordered_ ? "samples do not lie in the order of their numbers: only read ahead"
                            : off_reason_;
  const std::lock_guard lock(mutex_);
  c.memory_bounded_by = memory_state_.bounded_by;
  c.memory_cache_bytes = memory_state_.cache_bytes;
  return c;
}

void PagePusher::WaitUntilIdle() {
  std::unique_lock lock(mutex_);
  wake_idle_.wait(
      lock, [this] { return stopping_ || (offers_.empty() && stores_.empty() && busy_ == 0); });
}

}  // namespace betonfs
