// What pays, measured (README has the figures): a READ costs a round trip of 12 to 38 us and a
// copy; a store costs the copy and some 2 us.  So small samples gain most, and above some tens of
// kilobytes the copy is all there is: those are read ahead from disk and not pushed.
//
// A unit is Idle, then Queued by its first READ, then Filled.  Of a filled unit READs still tell:
//   of a canary                     the unit is in use: half of its canaries settle it as used
//   of a sample that was pushed     it was evicted: four such READs before the unit was used settle
//                                   it as wasted; after, a new pass over the data has begun
//   of one whose store page is out  the same, seen from the other side (mincore)
//   of one that was not pushed      the kernel did not know the inode then: four, and try again
// After an eviction the unit is Idle again.
#include "fs/page_pusher.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

namespace betonfs {
namespace {

constexpr uint64_t kCanaryBlock = 64;
constexpr size_t kMaxOffers = 1024;
constexpr size_t kMaxUnitsInFlight = 8;  // read ahead and not yet stored
constexpr uint32_t kEvictedProof = 4;
constexpr int kLookupCredit = 8;
constexpr uint64_t kMinUnitBytes = 1 << 20;
constexpr uint64_t kSystemPageBytes = 4096;
constexpr auto kBudgetAge = std::chrono::milliseconds(200);
// The kernel cuts every readahead request to the device's limit, 128 KiB unless someone raised it.
constexpr uint64_t kReadAheadChunkBytes = 128 << 10;

constexpr uint64_t kPlanBatch = 128;    // positions per job when samples are pushed one by one
constexpr uint64_t kPlanJudged = 2048;  // positions looked at to see whether a plan is dense
constexpr uint64_t kPlanWindowBytes = 64 << 20;  // most that is pushed ahead of the reader
constexpr uint32_t kMaxStrays = 16;
constexpr auto kPlanPoll = std::chrono::milliseconds(10);

uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t NumFiles(const Dataset& dataset, const PushOptions& options) {
  return options.mode == PushMode::kOff ? 0 : dataset.num_samples() * options.files_per_sample;
}

}  // namespace

std::optional<PushMode> ParsePushMode(std::string_view text) {
  for (PushMode mode : {PushMode::kOff, PushMode::kAuto, PushMode::kPage}) {
    if (text == PushModeName(mode)) return mode;
  }
  return std::nullopt;
}

const char* PushModeName(PushMode mode) {
  switch (mode) {
    case PushMode::kOff:
      return "off";
    case PushMode::kAuto:
      return "auto";
    case PushMode::kPage:
      return "page";
  }
  return "";
}

bool PagePusher::IsCanary(uint64_t sample) {
  const uint64_t block = sample / kCanaryBlock;
  return sample % kCanaryBlock == Mix(block + 1) % kCanaryBlock;
}

PagePusher::PagePusher(const Dataset& dataset, const MemoryBudget& memory,
                       const PushOptions& options, Store store)
    : dataset_(dataset),
      memory_(memory),
      options_(options),
      store_(std::move(store)),
      known_(NumFiles(dataset, options)),
      present_(NumFiles(dataset, options)),
      lookup_credit_(kLookupCredit) {
  const Extent pages = dataset.pages();
  if (options.mode == PushMode::kOff) {
    off_reason_ = "push=off";
  } else if (dataset.num_samples() == 0 || pages.size == 0) {
    off_reason_ = "no payloads";
  }
  if (!off_reason_.empty()) return;
  unit_size_bytes_ = std::min<uint64_t>(
      options.max_unit_bytes, std::max<uint64_t>(dataset.page_size_bytes(), kMinUnitBytes));
  units_offset_ = AlignDown(pages.offset, unit_size_bytes_);
  num_units_ =
      (pages.offset + pages.size - units_offset_ + unit_size_bytes_ - 1) / unit_size_bytes_;
  units_ = std::make_unique<Unit[]>(num_units_);
  RefreshBudget();
  reader_ = std::thread([this] { ReadAheadLoop(); });
  for (uint32_t i = 0; i < options.num_threads; ++i) {
    storers_.emplace_back([this] { StoreLoop(); });
  }
}

PagePusher::~PagePusher() { Stop(); }

void PagePusher::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_.store(true);
  }
  wake_reader_.notify_all();
  wake_storers_.notify_all();
  if (reader_.joinable()) reader_.join();
  for (std::thread& storer : storers_) {
    if (storer.joinable()) storer.join();
  }
  wake_idle_.notify_all();
}

// ---- Geometry

uint64_t PagePusher::UnitAt(uint64_t offset) const {
  if (offset < units_offset_) return 0;
  return std::min((offset - units_offset_) / unit_size_bytes_, num_units_ - 1);
}

Extent PagePusher::UnitExtent(uint64_t unit) const {
  const Extent pages = dataset_.pages();
  const uint64_t begin = std::max(units_offset_ + unit * unit_size_bytes_, pages.offset);
  const uint64_t end =
      std::min(units_offset_ + (unit + 1) * unit_size_bytes_, pages.offset + pages.size);
  return {begin, end - begin};
}

std::optional<Extent> PagePusher::ExtentOf(uint64_t sample) const {
  const auto payload = dataset_.PayloadOf(SampleIndex{sample}, dataset_.schema().payload_field(0));
  if (!payload) return std::nullopt;
  return Extent{payload->offset, payload->bytes.size()};
}

std::optional<Extent> PagePusher::ExtentAt(const PushPlan& plan, uint64_t position) const {
  const auto sample = plan.at(position);
  return sample ? ExtentOf(Number(*sample)) : std::nullopt;
}

// Whether the store's page at `offset` is in the page cache.  About 0.5 us.
bool PagePusher::Resident(uint64_t offset) const {
  unsigned char in_core = 0;
  const auto bytes = Slice(dataset_.bytes(), AlignDown(offset, kSystemPageBytes), 1);
  if (!bytes) return true;
  void* const page = const_cast<std::byte*>(bytes->data());
  return mincore(page, 1, &in_core) != 0 || (in_core & 1) != 0;
}

// ---- Request workers

void PagePusher::OnListed(uint64_t file) {
  if (!units_) return;
  if (!known_.Set(file)) num_known_.fetch_add(1, std::memory_order_relaxed);
}

void PagePusher::OnForget(uint64_t file) {
  if (!units_) return;
  if (known_.Clear(file)) num_known_.fetch_sub(1, std::memory_order_relaxed);
  present_.Clear(file);
}

void PagePusher::OnLookup(uint64_t file) {
  if (!units_) return;
  OnListed(file);
  const uint64_t sample = file / options_.files_per_sample;
  if (armed_.load(std::memory_order_relaxed)) NoteProgress(SampleIndex{sample});
  if (lookup_credit_.load(std::memory_order_relaxed) <= 0) return;
  const auto extent = ExtentOf(sample);
  if (!extent) return;
  const uint64_t unit = UnitAt(extent->offset);
  if (units_[unit].state.load(std::memory_order_relaxed) == State::kIdle) Offer(unit, true);
}

void PagePusher::OnRead(uint64_t file, uint64_t payload_offset) {
  if (!units_) return;
  const uint64_t sample = file / options_.files_per_sample;
  const bool was_present = present_.Set(file);
  if (armed_.load(std::memory_order_relaxed)) NoteProgress(SampleIndex{sample});
  const uint64_t index = UnitAt(payload_offset);
  Unit& unit = units_[index];
  if (unit.by_lookup.load(std::memory_order_relaxed) && unit.by_lookup.exchange(false)) {
    lookup_credit_.fetch_add(1, std::memory_order_relaxed);
  }
  switch (unit.state.load(std::memory_order_acquire)) {
    case State::kIdle:
      return Offer(index, false);
    case State::kQueued:
      return;
    case State::kFilled:
      return Witness(index, file, payload_offset, was_present);
  }
}

void PagePusher::Offer(uint64_t index, bool by_lookup) {
  Unit& unit = units_[index];
  const uint64_t size_bytes = UnitExtent(index).size;
  if (!ledger_.TryTake(size_bytes)) return;
  State expected = State::kIdle;
  if (!unit.state.compare_exchange_strong(expected, State::kQueued)) {
    return ledger_.Returned(size_bytes);
  }
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || offers_.size() >= kMaxOffers || stopping_) {
    unit.state.store(State::kIdle);
    ledger_.Returned(size_bytes);
    return Add(kDropped);
  }
  if (by_lookup) {
    unit.by_lookup.store(true);
    lookup_credit_.fetch_sub(1, std::memory_order_relaxed);
  }
  offers_.push_back({true, index, 1, nullptr});
  lock.unlock();
  wake_reader_.notify_one();
}

void PagePusher::Witness(uint64_t index, uint64_t file, uint64_t payload_offset, bool was_present) {
  Unit& unit = units_[index];
  const bool pushed = unit.pushed.load(std::memory_order_relaxed);
  // What we released ourselves is no sign of anything.
  const bool released = pushed && release_store_.load(std::memory_order_relaxed);
  if (!released && !Resident(payload_offset)) return WitnessEviction(index, true);
  const uint64_t sample = file / options_.files_per_sample;
  const bool canary =
      IsCanary(sample) || sample == unit.extra_canary.load(std::memory_order_relaxed);
  if (pushed && was_present) {
    Add(kReadsAfterPush);
    return WitnessEviction(index, false);
  }
  if (pushed && canary) Add(kCanaryReads);
  if (!pushed || canary) {
    const uint32_t proofs = unit.proofs.fetch_add(1, std::memory_order_relaxed) + 1;
    if (proofs == unit.proofs_wanted.load(std::memory_order_relaxed)) Settle(index, true);
  }
  const bool missed =
      pushed && !canary && unit.missed.fetch_add(1, std::memory_order_relaxed) + 1 == kEvictedProof;
  const bool known_now = num_known_.load(std::memory_order_relaxed) >=
                         unit.retry_known.load(std::memory_order_relaxed);
  if (missed || (!pushed && known_now)) {
    Reopen(index);
    Offer(index, false);
  }
}

// `certain`: the store's own page is gone, and with it most likely the unit.  A READ alone may have
// been under way while its sample was pushed.
void PagePusher::WitnessEviction(uint64_t index, bool certain) {
  Unit& unit = units_[index];
  const bool free_again = ledger_.unbounded() || unit.settled.load(std::memory_order_relaxed);
  const uint32_t gone = unit.gone.fetch_add(1, std::memory_order_relaxed) + 1;
  if (gone < kEvictedProof && !(certain && free_again)) return;
  if (!free_again) Settle(index, false);
  Reopen(index);
  if (free_again) Offer(index, false);
}

void PagePusher::Settle(uint64_t index, bool used) {
  if (units_[index].settled.exchange(true)) return;
  const uint64_t size_bytes = UnitExtent(index).size;
  used ? ledger_.Used(size_bytes) : ledger_.Wasted(size_bytes);
  Add(used ? kUnitsUsed : kUnitsWasted);
}

void PagePusher::Reopen(uint64_t index) {
  Unit& unit = units_[index];
  if (!unit.settled.exchange(true)) ledger_.Returned(UnitExtent(index).size);
  unit.stale.store(true);
  State expected = State::kFilled;
  unit.state.compare_exchange_strong(expected, State::kIdle);
}

// ---- Reading ahead

void PagePusher::ReadAheadLoop() {
  while (auto job = NextJob()) {
    if (std::chrono::steady_clock::now() - budget_read_ > kBudgetAge) RefreshBudget();
    ReadAhead(*job);
    HandOn(*std::move(job));
  }
}

// Blocks; nullopt to stop.
std::optional<PagePusher::Job> PagePusher::NextJob() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      const auto ready = [this] { return stopping_ || !offers_.empty(); };
      if (armed_.load()) {
        wake_reader_.wait_for(lock, kPlanPoll, ready);
      } else {
        wake_reader_.wait(lock, [&] { return ready() || armed_.load(); });
      }
      if (stopping_) return std::nullopt;
      if (!offers_.empty()) {
        Job job = std::move(offers_.front());
        offers_.pop_front();
        ++busy_;
        return job;
      }
    }
    if (auto job = NextOfPlan()) {
      const std::lock_guard lock(mutex_);
      if (stopping_) return std::nullopt;
      ++busy_;
      return job;
    }
  }
}

void PagePusher::HandOn(Job job) {
  std::unique_lock lock(mutex_);
  wake_reader_.wait(lock, [this] { return stopping_ || stores_.size() < kMaxUnitsInFlight; });
  stores_.push_back(std::move(job));
  --busy_;
  lock.unlock();
  wake_storers_.notify_one();
}

void PagePusher::ReadAhead(const Job& job) {
  if (job.is_unit) {
    if (ReadAhead(UnitExtent(job.first))) Add(kUnitsReadAhead);
    return;
  }
  for (uint64_t i = 0; i < job.count && !stopping_.load(std::memory_order_relaxed); ++i) {
    const auto extent = ExtentAt(*job.plan, job.first + i);
    if (extent) ReadAhead(*extent);
  }
}

// Asks the kernel to read what is missing of `extent` and does not wait for it.  Returns whether
// anything was.
bool PagePusher::ReadAhead(Extent extent) {
  bool missing = false;
  const uint64_t begin = AlignDown(extent.offset, kSystemPageBytes);
  const uint64_t end = extent.offset + extent.size;
  for (uint64_t offset = begin; offset < end; offset += kReadAheadChunkBytes) {
    const auto chunk =
        Slice(dataset_.bytes(), offset, std::min(kReadAheadChunkBytes, end - offset));
    if (!chunk) return missing;
    void* const address = const_cast<std::byte*>(chunk->data());
    unsigned char in_core[kReadAheadChunkBytes / kSystemPageBytes] = {};
    if (mincore(address, chunk->size(), in_core) != 0) return missing;
    const size_t pages = (chunk->size() + kSystemPageBytes - 1) / kSystemPageBytes;
    if (std::all_of(in_core, in_core + pages, [](unsigned char c) { return (c & 1) != 0; })) {
      continue;
    }
    missing = true;
    madvise(address, chunk->size(), MADV_WILLNEED);
  }
  return missing;
}

// All of the data twice, in the store's cache and in the files', must fit for the budget not to
// bind.  The files of a mount share the budget by their sizes.
void PagePusher::RefreshBudget() {
  MemoryState state = memory_.Read();
  const uint64_t own_bytes = dataset_.pages().size;
  const uint64_t data_bytes = std::max(options_.data_bytes, own_bytes);
  const bool twice = data_bytes <= state.cache_bytes / 2;
  const uint64_t chosen = options_.budget_bytes;
  const uint64_t budget = chosen ? std::min(chosen, state.cache_bytes) : state.cache_bytes / 4;
  const double share = static_cast<double>(own_bytes) / static_cast<double>(data_bytes);
  ledger_.SetBudget(static_cast<uint64_t>(static_cast<double>(budget) * share),
                    twice && (!chosen || data_bytes <= chosen));
  release_store_.store(!twice, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  memory_state_ = std::move(state);
  budget_read_ = std::chrono::steady_clock::now();
}

// ---- Along a plan

void PagePusher::Arm(PushPlan plan) {
  if (!units_) return;
  {
    const std::lock_guard lock(plan_mutex_);
    plan_ = std::make_shared<const PushPlan>(std::move(plan));
    plan_position_ = plan_ahead_ = plan_judged_ = 0;
    plan_strays_ = 0;
  }
  {
    const std::lock_guard lock(mutex_);  // so that the reader cannot miss it between test and wait
    armed_.store(true);
  }
  wake_reader_.notify_all();
}

void PagePusher::Disarm() {
  armed_.store(false);
  const std::lock_guard lock(plan_mutex_);
  plan_ = nullptr;
}

// A hint, so a worker that finds the plan busy goes on.  READs far from where the reader should be
// are someone else's, unless they go on.
void PagePusher::NoteProgress(SampleIndex sample) {
  const std::unique_lock lock(plan_mutex_, std::try_to_lock);
  if (!lock || !plan_) return;
  const auto position = plan_->position_of(sample);
  if (!position || *position <= plan_position_) return;
  const bool stray = *position > plan_ahead_ + kPlanJudged;
  if (stray && ++plan_strays_ < kMaxStrays) return;
  plan_strays_ = 0;
  plan_position_ = *position;
  plan_ahead_ = std::max(plan_ahead_, plan_position_);
}

// The next unit or batch of samples that the reader is going to need; nullopt if the pusher is far
// enough ahead.
std::optional<PagePusher::Job> PagePusher::NextOfPlan() {
  const std::lock_guard lock(plan_mutex_);
  if (!plan_) return std::nullopt;
  if (plan_ahead_ >= plan_->size) armed_.store(false);  // nothing left to run ahead of
  const uint64_t mean = std::max<uint64_t>(1, dataset_.pages().size / dataset_.num_samples());
  const uint64_t window_bytes = std::min(kPlanWindowBytes, ledger_.budget_bytes() / 2);
  const uint64_t end = std::min(plan_->size, plan_position_ + window_bytes / mean);
  if (plan_ahead_ >= end) return std::nullopt;
  if (plan_ahead_ >= plan_judged_) {
    plan_dense_ = ledger_.unbounded() || IsDense(*plan_, plan_ahead_);
    plan_judged_ = plan_ahead_ + kPlanJudged;
  }
  if (!plan_dense_) {
    Job job{false, plan_ahead_, std::min(kPlanBatch, end - plan_ahead_), plan_};
    plan_ahead_ += job.count;
    return job;
  }
  for (; plan_ahead_ < end; ++plan_ahead_) {
    const auto extent = ExtentAt(*plan_, plan_ahead_);
    if (!extent) continue;
    const uint64_t unit = UnitAt(extent->offset);
    if (units_[unit].state.load(std::memory_order_relaxed) != State::kIdle) continue;
    if (!TakeUnit(unit)) return std::nullopt;  // when the reader has used more
    ++plan_ahead_;
    return Job{true, unit, 1, nullptr};
  }
  return std::nullopt;
}

bool PagePusher::TakeUnit(uint64_t index) {
  const uint64_t size_bytes = UnitExtent(index).size;
  if (!ledger_.TryTakeAhead(size_bytes)) return false;
  State expected = State::kIdle;
  if (units_[index].state.compare_exchange_strong(expected, State::kQueued)) return true;
  ledger_.Returned(size_bytes);
  return false;
}

// Whether the next positions of the plan use a good part of the units they lie in, so that whole
// units are worth reading.
bool PagePusher::IsDense(const PushPlan& plan, uint64_t first) const {
  uint64_t wanted_bytes = 0;
  std::vector<uint64_t> units;
  for (uint64_t p = first; p < std::min(plan.size, first + kPlanJudged); ++p) {
    const auto extent = ExtentAt(plan, p);
    if (!extent) continue;
    wanted_bytes += extent->size;
    units.push_back(UnitAt(extent->offset));
  }
  std::sort(units.begin(), units.end());
  const auto distinct = std::unique(units.begin(), units.end()) - units.begin();
  return static_cast<uint64_t>(distinct) * unit_size_bytes_ <= 4 * wanted_bytes + unit_size_bytes_;
}

// ---- Storing

void PagePusher::StoreLoop() {
  while (true) {
    std::unique_lock lock(mutex_);
    wake_storers_.wait(lock, [this] { return stopping_ || !stores_.empty(); });
    if (stopping_) return;
    const Job job = std::move(stores_.front());
    stores_.pop_front();
    ++busy_;
    lock.unlock();
    wake_reader_.notify_one();
    if (job.is_unit) {
      PushUnit(job.first);
    } else {
      for (uint64_t i = 0; i < job.count && !stopping_; ++i) {
        const auto sample = job.plan->at(job.first + i);
        if (sample) PushSamples({Number(*sample), 1}, UINT64_MAX);
      }
    }
    lock.lock();
    --busy_;
    lock.unlock();
    wake_idle_.notify_all();
  }
}

void PagePusher::PushUnit(uint64_t index) {
  Unit& unit = units_[index];
  const Extent extent = UnitExtent(index);
  const auto samples = dataset_.SamplesIn(extent);
  if (!samples && samples.error().kind == ErrorKind::kUnsupported) unordered_.store(true);
  if (!samples || samples->count == 0) return FinishUnit(unit, 1, false);
  if (unit.stale.exchange(false)) {
    present_.ClearRange(samples->first * options_.files_per_sample,
                        samples->count * options_.files_per_sample);
  }
  // Waits for the disk and maps all of it at once, where stores would fault 16 pages at a time.
  if (const auto bytes = Slice(dataset_.bytes(), AlignDown(extent.offset, kSystemPageBytes),
                               extent.size + extent.offset % kSystemPageBytes)) {
    madvise(const_cast<std::byte*>(bytes->data()), bytes->size(), MADV_POPULATE_READ);
  }
  if (!IsWorthPushing(unit, extent, *samples)) {
    return FinishUnit(unit, (samples->count + 1) / 2, false);
  }
  const uint64_t canaries = ChooseCanaries(unit, *samples);
  PushSamples(*samples, unit.extra_canary.load(std::memory_order_relaxed));
  Add(kUnitsPushed);
  FinishUnit(unit, (canaries + 1) / 2, true);
}

// Only a sample that the kernel does not have yet can bear witness.  Returns how many there are.
uint64_t PagePusher::ChooseCanaries(Unit& unit, SampleRange samples) {
  uint64_t canaries = 0;
  uint64_t absent = UINT64_MAX;
  for (uint64_t s = samples.first; s < samples.first + samples.count; ++s) {
    if (present_.Test(s * options_.files_per_sample)) continue;
    canaries += IsCanary(s);
    if (absent == UINT64_MAX || s <= samples.first + samples.count / 2) absent = s;
  }
  unit.extra_canary.store(canaries == 0 ? absent : UINT64_MAX, std::memory_order_relaxed);
  return std::max<uint64_t>(1, canaries);
}

// Sets when to ask again if not.
bool PagePusher::IsWorthPushing(Unit& unit, Extent extent, SampleRange samples) {
  const uint64_t mean = extent.size / samples.count;
  const bool large = options_.mode == PushMode::kAuto ? mean > options_.max_mean_sample_bytes
                                                      : mean > options_.max_unit_bytes;
  unit.retry_known.store(UINT64_MAX, std::memory_order_relaxed);
  if (large) return false;
  const uint64_t files = samples.count * options_.files_per_sample;
  const uint64_t first = samples.first * options_.files_per_sample;
  const uint64_t known = known_.CountSet(first, files);
  if (known >= std::max<uint64_t>(2, files / 8)) return true;
  // Doubling bounds how often a reader who never scans makes us look.
  unit.retry_known.store(2 * num_known_.load(std::memory_order_relaxed) + 8,
                         std::memory_order_relaxed);
  Add(kUnitsSkipped);
  return false;
}

void PagePusher::FinishUnit(Unit& unit, uint64_t proofs_wanted, bool pushed) {
  unit.proofs.store(0);
  unit.proofs_wanted.store(static_cast<uint32_t>(proofs_wanted));
  unit.gone.store(0);
  unit.missed.store(0);
  unit.pushed.store(pushed);
  unit.settled.store(false);
  unit.state.store(State::kFilled, std::memory_order_release);
}

// Known, absent and not a canary: those go.  Runs of them are released from the store.
void PagePusher::PushSamples(SampleRange samples, uint64_t extra_canary) {
  const bool release = release_store_.load(std::memory_order_relaxed);
  Extent run;
  for (uint64_t s = samples.first; s < samples.first + samples.count; ++s) {
    if (stopping_.load(std::memory_order_relaxed)) return;
    const bool pushed = !IsCanary(s) && s != extra_canary && PushSample(s);
    const auto extent = release && pushed ? ExtentOf(s) : std::nullopt;
    if (extent && run.size > 0) {
      run.size = extent->offset + extent->size - run.offset;
    } else {
      Release(run);
      run = extent.value_or(Extent{});
    }
  }
  Release(run);
}

bool PagePusher::PushSample(uint64_t sample) {
  bool all = true;
  for (uint64_t k = 0; k < options_.files_per_sample; ++k) {
    all &= PushFile(sample * options_.files_per_sample + k);
  }
  return all;
}

// Returns whether the kernel now has the file.
bool PagePusher::PushFile(uint64_t file) {
  if (!known_.Test(file)) return false;
  if (present_.Set(file)) return true;
  const int64_t stored = store_(file);
  if (stored >= 0) {
    Add(kFilesPushed);
    Add(kBytesPushed, static_cast<uint64_t>(stored));
    return true;
  }
  present_.Clear(file);
  if (stored == -ENOENT) {
    if (known_.Clear(file)) num_known_.fetch_sub(1, std::memory_order_relaxed);
    Add(kFilesUnknown);
  } else {
    Add(kStoresFailed);
    if (stored == -ENODEV || stored == -ENOTCONN) stopping_.store(true);
  }
  return false;
}

// Whole system pages inside `extent`: out of the mapping first, since the cache keeps what is
// mapped.
void PagePusher::Release(Extent extent) {
  const uint64_t begin = AlignUp(extent.offset, kSystemPageBytes);
  const uint64_t end = AlignDown(extent.offset + extent.size, kSystemPageBytes);
  if (begin >= end) return;
  const auto bytes = Slice(dataset_.bytes(), begin, end - begin);
  if (!bytes) return;
  madvise(const_cast<std::byte*>(bytes->data()), bytes->size(), MADV_DONTNEED);
  posix_fadvise(dataset_.file().fd(), static_cast<off_t>(begin), static_cast<off_t>(end - begin),
                POSIX_FADV_DONTNEED);
  Add(kBytesReleased, end - begin);
}

// ---- Reporting

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

PushCounters PagePusher::counters() const {
  PushCounters c;
  c.units_pushed = Get(kUnitsPushed);
  c.units_read_ahead = Get(kUnitsReadAhead);
  c.units_skipped = Get(kUnitsSkipped);
  c.offers_dropped = Get(kDropped);
  c.offers_refused = ledger_.refused();
  c.files_pushed = Get(kFilesPushed);
  c.bytes_pushed = Get(kBytesPushed);
  c.files_unknown = Get(kFilesUnknown);
  c.stores_failed = Get(kStoresFailed);
  c.canary_reads = Get(kCanaryReads);
  c.reads_after_push = Get(kReadsAfterPush);
  c.units_used = Get(kUnitsUsed);
  c.units_wasted = Get(kUnitsWasted);
  c.bytes_released = Get(kBytesReleased);
  c.outstanding_bytes = ledger_.outstanding_bytes();
  c.budget_bytes = ledger_.budget_bytes();
  c.allowed_bytes = ledger_.allowed_bytes();
  c.everything_fits = ledger_.unbounded();
  c.off_reason = unordered_ ? "samples do not lie in the order of their numbers: only read ahead"
                            : off_reason_;
  {
    const std::lock_guard lock(mutex_);
    c.memory_bounded_by = memory_state_.bounded_by;
    c.memory_cache_bytes = memory_state_.cache_bytes;
  }
  const std::lock_guard lock(plan_mutex_);
  if (plan_) c.plan = plan_->name;
  c.plan_position = plan_position_;
  c.plan_ahead = plan_ahead_;
  return c;
}

void PagePusher::WaitUntilIdle() {
  std::unique_lock lock(mutex_);
  wake_idle_.wait(
      lock, [this] { return stopping_ || (offers_.empty() && stores_.empty() && busy_ == 0); });
}

}  // namespace betonfs
