#include "fs/op_stats.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace betonfs {
namespace {

TEST(OpStats, WhatManyThreadsCountedAddsUp) {
  OpStats stats;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 50; ++t) {  // more than there are slots
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) stats.Count(OpKind::kRead, 1'000);
      stats.CountBytes(OpKind::kRead, 7);
    });
  }
  threads.clear();
  EXPECT_EQ(stats.Totals(OpKind::kRead).count, 5'000u);
  EXPECT_EQ(stats.Totals(OpKind::kRead).bytes, 350u);
  EXPECT_EQ(stats.Totals(OpKind::kLookup).count, 0u);
}

TEST(OpStats, PercentilesAreTheUpperBoundsOfPowersOfTwo) {
  OpStats stats;
  EXPECT_EQ(stats.Totals(OpKind::kRead).DurationPercentileNs(0.5), 0u);
  for (int i = 0; i < 99; ++i) stats.Count(OpKind::kRead, 1'000);
  stats.Count(OpKind::kRead, 1'000'000);
  const OpStats::Counters totals = stats.Totals(OpKind::kRead);
  EXPECT_EQ(totals.DurationPercentileNs(0), 1'024u);
  EXPECT_EQ(totals.DurationPercentileNs(0.99), 1'024u);
  EXPECT_EQ(totals.DurationPercentileNs(1), uint64_t{1} << 20);
}

TEST(OpStats, AnyDurationHasABucket) {
  OpStats stats;
  stats.Count(OpKind::kRead, 0);
  stats.Count(OpKind::kRead, ~uint64_t{0});
  EXPECT_EQ(stats.Totals(OpKind::kRead).count, 2u);
}

TEST(OpStats, AScopeCountsOnce) {
  OpStats stats;
  { const OpStats::Scope scope(stats, OpKind::kFlush); }
  EXPECT_EQ(stats.Totals(OpKind::kFlush).count, 1u);
}

TEST(OpName, IsAnotherForEveryKind) {
  std::set<std::string> names;
  for (size_t i = 0; i < kNumOpKinds; ++i) names.insert(OpName(static_cast<OpKind>(i)));
  EXPECT_EQ(names.size(), kNumOpKinds);
}

}  // namespace
}  // namespace betonfs
