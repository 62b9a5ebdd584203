#include "fs/page_pusher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "core/sampling_order.h"
#include "tests/support/beton_builder.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::TempDir;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Not;

constexpr uint64_t kUnitBytes = 4096;

// Waits for what the pusher's threads bring about.
template <class F>
void Eventually(F condition) {
  for (int i = 0; i < 3000 && !condition(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(condition());
}

// A dataset of equal samples, a machine with as much memory as the test says, and a kernel that
// takes what is pushed.
class PagePusherTest : public ::testing::Test {
 protected:
  PagePusherTest() {
    options_.max_unit_bytes = kUnitBytes;
    SetMemory(uint64_t{1} << 30);
  }
  ~PagePusherTest() override {
    if (pusher_) pusher_->Stop();
  }

  void SetMemory(uint64_t bytes) {
    dir_.Write("proc/meminfo", "MemAvailable: " + std::to_string(bytes / 1024) +
                                   " kB\nMemFree: " + std::to_string(bytes / 1024) + " kB\n");
  }

  // Samples of `sample_bytes`, of which as many lie in a unit as fit.
  void Start(uint64_t num_samples, uint64_t sample_bytes) {
    BetonBuilder builder;
    builder.PageSize(kUnitBytes).Field(FieldType::kBytes, "data");
    for (uint64_t i = 0; i < num_samples; ++i) {
      builder.Sample({test::Blob(std::string(sample_bytes, static_cast<char>('a' + i % 26)))});
    }
    auto dataset = Dataset::Open(dir_.Write("data.beton", builder.Build()));
    ASSERT_TRUE(dataset) << dataset.error().message;
    dataset_ = *std::move(dataset);
    memory_ = std::make_unique<MemoryBudget>(dir_.path());
    pusher_ = std::make_unique<PagePusher>(*dataset_, *memory_, options_,
                                           [this](uint64_t file) { return Store(file); });
  }

  int64_t Store(uint64_t file) {
    std::unique_lock lock(mutex_);
    ++stores_;
    gate_.wait(lock, [this] { return gate_open_; });
    if (store_errno_ != 0) return -store_errno_;
    pushed_.insert(file);
    return 1;
  }
  std::set<uint64_t> Pushed() {
    pusher_->WaitUntilIdle();
    const std::lock_guard lock(mutex_);
    return pushed_;
  }
  void ForgetPushed() {
    const std::lock_guard lock(mutex_);
    pushed_.clear();
  }
  uint64_t NumStores() {
    const std::lock_guard lock(mutex_);
    return stores_;
  }
  void OpenGate(bool open) {
    {
      const std::lock_guard lock(mutex_);
      gate_open_ = open;
    }
    gate_.notify_all();
  }

  void ListAll() {
    for (uint64_t s = 0; s < dataset_->num_samples(); ++s) pusher_->OnListed(s);
  }
  Extent ExtentOf(uint64_t sample) const {
    const auto payload =
        dataset_->PayloadOf(SampleIndex{sample}, dataset_->schema().payload_field(0));
    return {payload->offset, payload->bytes.size()};
  }
  uint64_t UnitOf(uint64_t sample) const { return ExtentOf(sample).offset / kUnitBytes; }
  // An offer that meets the queue's lock taken is dropped, and the next read of the unit makes it
  // again.  So does this one, but not for ever: a full queue drops too.
  void Read(uint64_t sample) {
    for (int turn = 0; turn < 100; ++turn) {
      const uint64_t dropped = pusher_->counters().offers_dropped;
      pusher_->OnRead(sample, ExtentOf(sample));
      if (pusher_->counters().offers_dropped == dropped) return;
      std::this_thread::sleep_for(std::chrono::microseconds(turn));
    }
  }
  // As the kernel would: what was pushed is not asked for.
  void ReadThroughCache(uint64_t sample) {
    if (!Pushed().contains(sample)) Read(sample);
  }
  std::vector<uint64_t> SamplesOfUnit(uint64_t sample) const {
    std::vector<uint64_t> samples;
    for (uint64_t s = 0; s < dataset_->num_samples(); ++s) {
      if (UnitOf(s) == UnitOf(sample)) samples.push_back(s);
    }
    return samples;
  }

  // Units count from the one that the first sample lies in.
  uint64_t FirstSampleOfUnit(uint64_t unit) const {
    uint64_t sample = 0;
    while (UnitOf(sample) - UnitOf(0) < unit) ++sample;
    return sample;
  }

  TempDir dir_;
  PushOptions options_;
  std::unique_ptr<Dataset> dataset_;
  std::unique_ptr<MemoryBudget> memory_;
  std::unique_ptr<PagePusher> pusher_;

  std::mutex mutex_;
  std::condition_variable gate_;
  bool gate_open_ = true;
  int store_errno_ = 0;
  uint64_t stores_ = 0;
  std::set<uint64_t> pushed_;
};

TEST(PushMode, HasThreeNames) {
  EXPECT_EQ(ParsePushMode("auto"), PushMode::kAuto);
  EXPECT_EQ(ParsePushMode("page"), PushMode::kPage);
  EXPECT_EQ(ParsePushMode("off"), PushMode::kOff);
  EXPECT_EQ(ParsePushMode("Off"), std::nullopt);
}

TEST(Canary, IsOneOfEvery64) {
  for (uint64_t block = 0; block < 1000; ++block) {
    int canaries = 0;
    for (uint64_t i = 0; i < 64; ++i) canaries += IsCanary(SampleIndex{block * 64 + i});
    EXPECT_EQ(canaries, 1) << "block " << block;
  }
}

TEST_F(PagePusherTest, TheFirstReadBringsTheRestOfItsUnitButForCanaries) {
  Start(640, 32);
  ListAll();
  Read(300);
  std::set<uint64_t> wanted;
  for (uint64_t s : SamplesOfUnit(300)) {
    if (s != 300 && !IsCanary(SampleIndex{s})) wanted.insert(s);
  }
  EXPECT_GT(wanted.size(), 50u);
  EXPECT_EQ(Pushed(), wanted);
  EXPECT_EQ(pusher_->counters().files_pushed, wanted.size());
  EXPECT_EQ(pusher_->counters().units_pushed, 1u);
}

TEST_F(PagePusherTest, OnlyWhatTheKernelKnowsIsPushed) {
  Start(640, 32);
  for (uint64_t s = 0; s < 640; s += 2) pusher_->OnListed(s);
  for (uint64_t s = 0; s < 640; s += 4) pusher_->OnForget(s);
  Read(2);
  for (uint64_t s : Pushed()) EXPECT_EQ(s % 4, 2u);
  EXPECT_FALSE(Pushed().empty());
}

TEST_F(PagePusherTest, AUnitReadBeforeTheScanIsPushedAfterIt) {
  Start(640, 32);
  Read(1);
  EXPECT_TRUE(Pushed().empty());
  EXPECT_EQ(pusher_->counters().units_skipped, 1u);
  ListAll();
  Read(2);
  EXPECT_GT(Pushed().size(), 50u);
}

TEST_F(PagePusherTest, WhoReadsByAListIsPushedNothing) {
  Start(640, 32);
  for (uint64_t i = 0; i < 640; ++i) {
    const uint64_t sample = i * 131 % 640;
    pusher_->OnLookup(sample);
    Read(sample);
    if (i % 16 == 0) pusher_->WaitUntilIdle();
  }
  EXPECT_TRUE(Pushed().empty());
}

TEST_F(PagePusherTest, WhoReadsInTheOrderOfTheFileFindsTheNextUnitPushed) {
  Start(1280, 32);
  ListAll();
  for (uint64_t unit : {2, 3, 4}) {
    EXPECT_THAT(Pushed(), Not(Contains(FirstSampleOfUnit(5) + 1)));
    Read(FirstSampleOfUnit(unit));
  }
  EXPECT_THAT(Pushed(), Contains(FirstSampleOfUnit(5) + 1));
  EXPECT_THAT(Pushed(), Not(Contains(FirstSampleOfUnit(6) + 1)));
}

TEST_F(PagePusherTest, AFilledUnitIsLeftAlone) {
  Start(640, 32);
  ListAll();
  // Once each, as the kernel asks: after a drop the unit's next read makes the offer again.
  for (uint64_t s = 0; s < 640; ++s) {
    if (!Pushed().contains(s)) pusher_->OnRead(s, ExtentOf(s));
  }
  pusher_->WaitUntilIdle();
  const auto counters = pusher_->counters();
  EXPECT_EQ(counters.units_pushed, UnitOf(639) - UnitOf(0) + 1);
  EXPECT_EQ(counters.reads_after_push, 0u);
  EXPECT_EQ(counters.units_wasted, 0u);
}

TEST_F(PagePusherTest, CanariesSettleAUnitAsUsed) {
  Start(640, 16);  // 256 samples and so about 4 canaries per unit
  ListAll();
  Read(300);
  pusher_->WaitUntilIdle();
  EXPECT_EQ(pusher_->counters().outstanding_bytes, kUnitBytes);
  for (uint64_t s : SamplesOfUnit(300)) ReadThroughCache(s);
  EXPECT_EQ(pusher_->counters().units_used, 1u);
  EXPECT_EQ(pusher_->counters().outstanding_bytes, 0u);
  EXPECT_GE(pusher_->counters().canary_reads, 3u);
}

TEST_F(PagePusherTest, CanariesReadWhileTheirUnitIsPushedSettleItToo) {
  Start(640, 16);
  ListAll();
  OpenGate(false);
  Read(300);
  Eventually([&] { return NumStores() > 0; });
  for (uint64_t s : SamplesOfUnit(300)) Read(s);
  OpenGate(true);
  pusher_->WaitUntilIdle();
  EXPECT_EQ(pusher_->counters().outstanding_bytes, 0u);
  EXPECT_EQ(pusher_->counters().units_used, 1u);
}

TEST_F(PagePusherTest, UnitsThatAReaderLeftAreForgottenOnceTheCacheHasTurnedOver) {
  SetMemory(1 << 16);
  options_.budget_bytes = 2 * kUnitBytes;
  Start(6400, 32);
  ListAll();
  uint64_t i = 0;
  // One sample here, one there.  Probes alone would end at four units.
  Eventually([&] {
    for (int n = 0; n < 100; ++n) ReadThroughCache(i++ * 1031 % 6400);
    return pusher_->counters().units_pushed > 6;
  });
  EXPECT_EQ(pusher_->counters().units_wasted, 0u);
}

TEST_F(PagePusherTest, ASecondPassOverUsedAndEvictedUnitsPushesThemAgain) {
  SetMemory(1 << 16);
  options_.budget_bytes = 2 * kUnitBytes;
  Start(2560, 16);
  ListAll();
  for (int pass = 0; pass < 2; ++pass) {
    for (uint64_t s = 2560; s-- > 0;) ReadThroughCache(s);  // backwards, see the next test
    ForgetPushed();                                         // the kernel evicts everything
  }
  const auto counters = pusher_->counters();
  EXPECT_GE(counters.units_pushed, 2 * (UnitOf(2559) - UnitOf(0)));
  EXPECT_EQ(counters.units_wasted, 0u);
  EXPECT_EQ(counters.allowed_bytes, counters.budget_bytes);
}

TEST_F(PagePusherTest, WhereMemoryIsShortASequentialReaderIsLeftToTheKernelsReadAhead) {
  SetMemory(1 << 16);
  Start(6400, 32);
  ListAll();
  for (uint64_t s = 0; s < 6400; ++s) ReadThroughCache(s);
  const uint64_t before = pusher_->counters().units_pushed;
  EXPECT_LE(before, 3u);  // until it was seen to be one
  ReadThroughCache(3000);
  pusher_->WaitUntilIdle();
  EXPECT_EQ(pusher_->counters().units_pushed, before + 1);  // it no longer is
}

TEST_F(PagePusherTest, RandomReadsOverMoreThanMemoryEndThePushing) {
  SetMemory(1 << 16);
  options_.budget_bytes = 8 * kUnitBytes;
  Start(6400, 32);
  ListAll();
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    Read(random() % 6400);
    if (i % 100 == 99) pusher_->WaitUntilIdle();
  }
  const auto early = pusher_->counters();
  EXPECT_GT(early.units_wasted, 0u);
  EXPECT_LT(early.allowed_bytes, kUnitBytes);
  for (int i = 0; i < 16'000; ++i) Read(random() % 6400);
  pusher_->WaitUntilIdle();
  EXPECT_LE(pusher_->counters().units_pushed, early.units_pushed + 4);  // a probe in 4,096 reads
  EXPECT_GT(pusher_->counters().offers_refused, 10'000u);
}

TEST_F(PagePusherTest, WhatIsPushedAndUnusedStaysWithinTheBudget) {
  SetMemory(1 << 16);
  options_.budget_bytes = 3 * kUnitBytes;
  Start(6400, 32);
  ListAll();
  for (uint64_t i = 50; i-- > 0;) Read(130 * i);  // one sample of every unit, the last one first
  pusher_->WaitUntilIdle();
  EXPECT_EQ(pusher_->counters().units_pushed, 3u);
}

TEST_F(PagePusherTest, MemoryIsGivenBackWhereItIsShort) {
  SetMemory(1 << 16);
  options_.budget_bytes = 8 * kUnitBytes;
  Start(6400, 100);
  ListAll();
  Read(3000);
  pusher_->WaitUntilIdle();
  EXPECT_GT(pusher_->counters().files_pushed, 30u);
  EXPECT_EQ(pusher_->counters().bytes_released % 4096, 0u);
}

TEST_F(PagePusherTest, LargeSamplesAreReadAheadAndNotPushed) {
  options_.max_mean_sample_bytes = 100;
  Start(640, 128);
  ListAll();
  Read(300);
  EXPECT_TRUE(Pushed().empty());
}

TEST_F(PagePusherTest, LargeSamplesArePushedToWhoInsists) {
  options_.max_mean_sample_bytes = 100;
  options_.mode = PushMode::kPage;
  Start(640, 128);
  ListAll();
  Read(300);
  EXPECT_GT(Pushed().size(), 20u);
}

TEST_F(PagePusherTest, OffIsOff) {
  options_.mode = PushMode::kOff;
  Start(640, 32);
  ListAll();
  Read(1);
  pusher_->OnLookup(2);
  pusher_->OnForget(2);
  pusher_->Arm({"sequential", 640, [](uint64_t p) { return SampleIndex{p}; },
                [](SampleIndex s) { return std::optional(Number(s)); }});
  EXPECT_TRUE(Pushed().empty());
  EXPECT_EQ(pusher_->counters().off_reason, "push=off");
}

TEST_F(PagePusherTest, InodesTheKernelForgotAreNormal) {
  store_errno_ = ENOENT;
  Start(640, 32);
  ListAll();
  Read(300);
  pusher_->WaitUntilIdle();
  EXPECT_GT(pusher_->counters().files_unknown, 50u);
  EXPECT_EQ(pusher_->counters().stores_failed, 0u);
}

TEST_F(PagePusherTest, AMountThatIsGoneEndsThePushing) {
  store_errno_ = ENODEV;
  Start(640, 32);
  ListAll();
  Read(300);
  pusher_->WaitUntilIdle();
  EXPECT_EQ(pusher_->counters().stores_failed, 1u);
}

TEST_F(PagePusherTest, AReaderIsNeverHeldUpByAFullQueue) {
  options_.mode = PushMode::kPage;
  Start(3600, 1300);  // three to a unit, so that each has something to push
  ListAll();
  OpenGate(false);
  // 1,200 units, of which the queue holds 1,024; returns although no store does.
  for (uint64_t s = 0; s < 3600; s += 3) Read(s);
  EXPECT_GT(pusher_->counters().offers_dropped, 0u);
  OpenGate(true);
}

TEST_F(PagePusherTest, NothingIsStoredAfterStop) {
  Start(640, 32);
  ListAll();
  Read(1);
  pusher_->Stop();
  const uint64_t stores = stores_;
  Read(300);
  EXPECT_EQ(stores_, stores);
  pusher_->Stop();
}

TEST_F(PagePusherTest, LookupsWithoutReadsReadAheadAFewUnitsOnly) {
  Start(6400, 32);
  for (uint64_t s = 0; s < 6400; s += 130) {
    pusher_->OnLookup(s);
    pusher_->WaitUntilIdle();
  }
  EXPECT_EQ(pusher_->counters().units_skipped, 8u);
}

TEST_F(PagePusherTest, LookupsThatReadsFollowReadAheadEveryUnit) {
  Start(6400, 32);
  for (uint64_t s = 0; s < 6400; s += 10) {
    pusher_->OnLookup(s);
    pusher_->WaitUntilIdle();
    Read(s);
  }
  EXPECT_GT(pusher_->counters().units_skipped, 45u);
}

// Holds the order, since the pusher outlives what a test has on its stack.
PushPlan PlanOf(const SamplingOrder& order) {
  return {"plan", order.size(), [order](uint64_t p) { return order.At(p); },
          [order](SampleIndex s) { return order.PositionOf(s); }};
}

TEST_F(PagePusherTest, AnArmedOrderIsPushedBeforeAnythingIsRead) {
  Start(640, 32);
  ListAll();
  const auto order = *SamplingOrder::Make({OrderKind::kRandom, 1, 1}, 640);
  pusher_->Arm(PlanOf(order));
  Eventually([&] { return pusher_->counters().plan_ahead == 640; });
  // Ten canaries, and one more in a unit that none of them falls into.
  const uint64_t units = UnitOf(639) - UnitOf(0) + 1;
  Eventually([&] { return pusher_->counters().files_pushed >= 640 - 10 - units; });
  EXPECT_LE(Pushed().size(), 640u - 10);
}

TEST_F(PagePusherTest, ASparseOrderIsPushedSampleBySampleAheadOfTheReader) {
  SetMemory(1 << 18);
  options_.budget_bytes = 1 << 16;
  Start(32'000, 32);  // 1 MB: four times the memory
  ListAll();
  const auto order = *SamplingOrder::Make({OrderKind::kRandom, 1, 1}, 32'000);
  pusher_->Arm(PlanOf(order));
  // Half the budget ahead, and no further.
  const uint64_t mean = dataset_->pages().size / 32'000;
  const uint64_t window = (1 << 15) / mean;
  Eventually([&] { return pusher_->counters().plan_ahead == window; });
  Eventually([&] { return pusher_->counters().files_pushed > window * 9 / 10; });
  const auto pushed = Pushed();
  for (uint64_t p = 0; p < window; ++p) {
    const uint64_t sample = Number(order.At(p));
    EXPECT_EQ(pushed.contains(sample), !IsCanary(SampleIndex{sample}));
  }
  // The reader comes to a canary: the pusher goes on.
  uint64_t p = window / 2;
  while (!IsCanary(order.At(p))) ++p;
  Eventually([&] {
    Read(Number(order.At(p)));  // which is dropped when it meets the plan's lock taken
    return pusher_->counters().plan_position == p;
  });
  Eventually([&] { return pusher_->counters().plan_ahead == p + window; });
  EXPECT_EQ(pusher_->counters().plan_position, p);
}

TEST_F(PagePusherTest, AStrayReadDoesNotMoveThePlan) {
  SetMemory(1 << 18);
  options_.budget_bytes = 1 << 16;
  Start(32'000, 32);
  ListAll();
  const auto order = *SamplingOrder::Make({OrderKind::kSequential}, 32'000);
  pusher_->Arm(PlanOf(order));
  Eventually([&] { return pusher_->counters().plan_ahead > 500; });
  Read(31'999);
  EXPECT_LT(pusher_->counters().plan_position, 500u);
  Eventually([&] {
    for (uint64_t s = 31'000; s < 31'020; ++s) Read(s);  // some may meet the plan's lock taken
    return pusher_->counters().plan_position >= 31'000;
  });
}

// Everything at once, for the sanitizers; the claims are that nothing hangs and the ledger closes.
TEST_F(PagePusherTest, AnyThreadMayCallAnything) {
  SetMemory(1 << 16);
  options_.budget_bytes = 8 * kUnitBytes;
  Start(3200, 32);
  ListAll();
  const auto order = *SamplingOrder::Make({OrderKind::kRandom, 1, 1}, 3200);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 3000; ++i) {
        const uint64_t sample = random() % 3200;
        switch (random() % 8) {
          case 0:
            pusher_->OnForget(sample);
            break;
          case 1:
            pusher_->OnLookup(sample);
            break;
          case 2:
            pusher_->OnListed(sample);
            break;
          default:
            Read(sample);
        }
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    pusher_->Arm(PlanOf(order));
    pusher_->counters();
    pusher_->Disarm();
  }
  for (auto& thread : threads) thread.join();
  pusher_->WaitUntilIdle();
  EXPECT_LE(pusher_->counters().outstanding_bytes, 2 * options_.budget_bytes);
  pusher_->Stop();
}

}  // namespace
}  // namespace betonfs
