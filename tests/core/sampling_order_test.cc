#include "core/sampling_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace betonfs {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

constexpr uint64_t kKey = 0x10490351134c1271;  // Key(1) of seed 7, epoch 3

SamplingOrder MakeOrder(const OrderSpec& spec, uint64_t num_samples,
                        std::vector<uint64_t> page_starts = {}) {
  auto order = SamplingOrder::Make(spec, num_samples, std::move(page_starts));
  EXPECT_TRUE(order) << order.error().message;
  return *std::move(order);
}

std::vector<uint64_t> All(const SamplingOrder& order) {
  std::vector<uint64_t> samples;
  for (uint64_t p = 0; p < order.size(); ++p) samples.push_back(Number(order.At(p)));
  return samples;
}

// `pages` pages of 1 to 9 samples each, of odd sizes.
std::vector<uint64_t> OddPages(uint64_t pages) {
  std::vector<uint64_t> starts{0};
  for (uint64_t p = 0; p < pages; ++p) starts.push_back(starts.back() + 1 + p * p % 9);
  return starts;
}

// Golden values come from a Python program written from the header's text alone.
TEST(Permute, IsTheOneThatTheHeaderDescribes) {
  std::vector<uint64_t> ten(10);
  for (uint64_t x = 0; x < 10; ++x) ten[x] = Permute(10, kKey, x);
  EXPECT_THAT(ten, ElementsAre(6, 3, 9, 8, 4, 7, 2, 0, 5, 1));
  EXPECT_EQ(Permute(10'000'000, kKey, 0), 7092043u);
  EXPECT_EQ(Permute(10'000'000, kKey, 4), 8582709u);
  EXPECT_EQ(Permute(UINT64_MAX, kKey, 0), 16465426846905663935u);
}

TEST(Permute, VisitsEveryNumberOnceAndFindsTheWayBack) {
  for (uint64_t n : {1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 1000, 4097}) {
    std::set<uint64_t> seen;
    for (uint64_t x = 0; x < n; ++x) {
      const uint64_t y = Permute(n, kKey, x);
      EXPECT_LT(y, n);
      seen.insert(y);
      EXPECT_EQ(PermuteBack(n, kKey, y), x);
    }
    EXPECT_EQ(seen.size(), n);
  }
}

// Chi-square of where element 0 of 97 lands over 9,700 keys: 96 degrees of freedom, so that below
// 150 holds for all but one in three thousand fair permutations; keys are fixed.
TEST(Permute, SendsAnElementEverywhereAlike) {
  for (uint64_t x : {0, 1, 48, 96}) {
    std::vector<double> hits(97);
    for (uint64_t key = 0; key < 9700; ++key) ++hits[Permute(97, key, x)];
    double chi_square = 0;
    for (double h : hits) chi_square += (h - 100) * (h - 100) / 100;
    EXPECT_LT(chi_square, 150) << "element " << x;
  }
}

// Neighbours must not stay neighbours: the sum of |f(x+1) - f(x)| of a fair shuffle is near n/3.
TEST(Permute, TearsNeighboursApart) {
  constexpr uint64_t kN = 100'000;
  double sum = 0;
  for (uint64_t x = 0; x + 1 < kN; ++x) {
    sum += std::abs(static_cast<double>(Permute(kN, kKey, x + 1)) -
                    static_cast<double>(Permute(kN, kKey, x)));
  }
  EXPECT_NEAR(sum / kN / kN, 1.0 / 3, 0.005);
}

TEST(SamplingOrder, SequentialIsTheOrderOfTheFile) {
  EXPECT_THAT(All(MakeOrder({}, 4)), ElementsAre(0, 1, 2, 3));
}

TEST(SamplingOrder, RandomUsesTheFirstKey) {
  const auto order = MakeOrder({OrderKind::kRandom, 7, 3}, 10);
  EXPECT_THAT(All(order), ElementsAre(6, 3, 9, 8, 4, 7, 2, 0, 5, 1));
}

TEST(SamplingOrder, QuasiRandomIsTheOneThatTheHeaderDescribes) {
  const auto order = MakeOrder({OrderKind::kQuasiRandom, 7, 3, 0, 1, 2}, 20, {0, 4, 5, 9, 12, 20});
  EXPECT_THAT(All(order),
              ElementsAre(12, 14, 11, 17, 9, 19, 18, 15, 13, 16, 10, 2, 3, 0, 4, 1, 6, 5, 7, 8));
}

TEST(SamplingOrder, QuasiRandomDrawsFromOneWindowOfPagesAtATime) {
  const auto starts = OddPages(41);
  const auto order = MakeOrder({OrderKind::kQuasiRandom, 1, 2, 0, 1, 4}, starts.back(), starts);
  std::vector<uint64_t> pages;  // in the order of their first sample
  for (uint64_t sample : All(order)) {
    const auto after = std::upper_bound(starts.begin(), starts.end(), sample);
    const auto page = static_cast<uint64_t>(after - starts.begin()) - 1;
    const auto found = std::find(pages.begin(), pages.end(), page);
    if (found == pages.end()) {
      pages.push_back(page);
    } else {  // of the last four pages opened, never of a window that was closed
      EXPECT_EQ((found - pages.begin()) / 4, static_cast<long>(pages.size() - 1) / 4);
    }
  }
  EXPECT_EQ(pages.size(), 41u);
  EXPECT_FALSE(std::is_sorted(pages.begin(), pages.end()));
}

TEST(SamplingOrder, RanksAreDisjointCompleteAndOfOneSize) {
  const auto starts = OddPages(50);
  const uint64_t n = starts.back();
  for (OrderKind kind : {OrderKind::kSequential, OrderKind::kRandom, OrderKind::kQuasiRandom}) {
    for (uint64_t world : {1, 2, 3, 7, 64}) {
      std::vector<uint64_t> together;
      for (uint64_t rank = 0; rank < world; ++rank) {
        const auto order = MakeOrder({kind, 5, 1, rank, world}, n, starts);
        EXPECT_LE(order.size(), n / world + 1);
        EXPECT_GE(order.size(), n / world);
        const auto samples = All(order);
        together.insert(together.end(), samples.begin(), samples.end());
      }
      EXPECT_THAT(together, ElementsAreArray(All(MakeOrder({kind, 5, 1}, n, starts))));
      std::sort(together.begin(), together.end());
      std::vector<uint64_t> every(n);
      std::iota(every.begin(), every.end(), 0);
      EXPECT_EQ(together, every);
    }
  }
}

TEST(SamplingOrder, KnowsWhereASampleStands) {
  const auto starts = OddPages(30);
  const uint64_t n = starts.back();
  for (OrderKind kind : {OrderKind::kSequential, OrderKind::kRandom, OrderKind::kQuasiRandom}) {
    const auto order = MakeOrder({kind, 9, 4, 1, 3}, n, starts);
    for (uint64_t p = 0; p < order.size(); ++p) EXPECT_EQ(order.PositionOf(order.At(p)), p);
    uint64_t mine = 0;
    for (uint64_t s = 0; s <= n; ++s) mine += order.PositionOf(SampleIndex{s}).has_value();
    EXPECT_EQ(mine, order.size());
  }
}

TEST(SamplingOrder, EpochsAndSeedsDiffer) {
  const auto first = All(MakeOrder({OrderKind::kRandom, 1, 0}, 1000));
  EXPECT_NE(first, All(MakeOrder({OrderKind::kRandom, 1, 1}, 1000)));
  EXPECT_NE(first, All(MakeOrder({OrderKind::kRandom, 2, 0}, 1000)));
  EXPECT_EQ(first, All(MakeOrder({OrderKind::kRandom, 1, 0}, 1000)));
}

TEST(SamplingOrder, TenMillionSamplesNeedNoListToAskAnyPosition) {
  std::vector<uint64_t> starts(15'001);
  for (uint64_t p = 0; p < starts.size(); ++p) starts[p] = p * 10'000'000 / 15'000;
  const auto order = MakeOrder({OrderKind::kQuasiRandom, 3, 0}, 10'000'000, starts);
  for (uint64_t p = 0; p < order.size(); p += 99'991) {
    EXPECT_EQ(order.PositionOf(order.At(p)), p);
  }
}

TEST(SamplingOrder, NothingIsAnOrderToo) {
  EXPECT_EQ(MakeOrder({OrderKind::kQuasiRandom, 1, 1}, 0).size(), 0u);
  EXPECT_EQ(MakeOrder({OrderKind::kRandom, 1, 1, 4, 5}, 2).size() +
                MakeOrder({OrderKind::kRandom, 1, 1, 0, 5}, 2).size(),
            1u);
}

TEST(SamplingOrder, RefusesWhatMakesNoSense) {
  EXPECT_FALSE(SamplingOrder::Make({OrderKind::kRandom, 1, 1, 2, 2}, 10));
  EXPECT_FALSE(SamplingOrder::Make({OrderKind::kRandom, 1, 1, 0, 0}, 10));
  EXPECT_FALSE(SamplingOrder::Make({OrderKind::kQuasiRandom, 1, 1}, 10));
  EXPECT_FALSE(SamplingOrder::Make({OrderKind::kQuasiRandom, 1, 1}, 10, {0, 5, 9}));
  EXPECT_FALSE(SamplingOrder::Make({OrderKind::kQuasiRandom, 1, 1}, 10, {0, 8, 5, 10}));
  EXPECT_FALSE(SamplingOrder::Make({OrderKind::kQuasiRandom, 1, 1, 0, 1, 0}, 10, {0, 10}));
}

TEST(OrderName, GoesThereAndBack) {
  for (const char* name :
       {"sequential-0-0", "random-18446744073709551615-7", "quasi-1-2-0of2", "quasi16-1-2-3of4"}) {
    const auto spec = ParseOrderName(name);
    ASSERT_TRUE(spec) << name;
    EXPECT_EQ(OrderName(*spec), name);
  }
  EXPECT_EQ(*ParseOrderName("quasi16-1-2-3of4"),
            (OrderSpec{OrderKind::kQuasiRandom, 1, 2, 3, 4, 16}));
}

TEST(OrderName, HasOneSpellingOnly) {
  for (const char* name :
       {"", "random", "random-1", "random-1-", "random-01-2", "random-1-2-", "random-1-2-0of1",
        "random-1-2-2of2", "random-1-2-0of2x", "random--1-2", "random-1-2.txt", "quasi0-1-2",
        "quasi8-1-2", "quasi-1-18446744073709551616", "shuffled-1-2", "random-+1-2"}) {
    EXPECT_FALSE(ParseOrderName(name)) << name;
  }
}

}  // namespace
}  // namespace betonfs
