#include "fs/push_ledger.h"

#include <gtest/gtest.h>

namespace betonfs {
namespace {

// How many of `offers` units of one byte pass.
int Passed(PushLedger& ledger, int offers) {
  int passed = 0;
  for (int i = 0; i < offers; ++i) passed += ledger.TryTake(1);
  return passed;
}

TEST(PushLedger, WhatIsPushedAndUnusedFitsTheBudget) {
  PushLedger ledger;
  ledger.SetBudget(10, false);
  EXPECT_EQ(Passed(ledger, 100), 10);
  EXPECT_EQ(ledger.outstanding_bytes(), 10u);
  ledger.Used(1);
  EXPECT_EQ(Passed(ledger, 100), 1);
}

TEST(PushLedger, NothingIsRefusedWhenEverythingFitsIntoMemory) {
  PushLedger ledger;
  ledger.SetBudget(10, true);
  for (int i = 0; i < 20; ++i) ledger.Wasted(0);
  EXPECT_EQ(Passed(ledger, 100), 100);
}

TEST(PushLedger, WasteHalvesAndUseRestores) {
  PushLedger ledger;
  ledger.SetBudget(256, false);
  ledger.Wasted(0);
  ledger.Wasted(0);
  ledger.Wasted(0);
  EXPECT_EQ(ledger.allowed_bytes(), 32u);
  ledger.Used(0);
  EXPECT_EQ(ledger.allowed_bytes(), 128u);
  ledger.Used(0);
  ledger.Used(0);
  EXPECT_EQ(ledger.allowed_bytes(), 256u);
}

TEST(PushLedger, AProbePassesNowAndThen) {
  PushLedger ledger;
  ledger.SetBudget(100, false);
  for (uint32_t i = 0; i < PushLedger::kMaxLevel + 5; ++i) ledger.Wasted(0);
  EXPECT_EQ(ledger.allowed_bytes(), 0u);
  EXPECT_EQ(Passed(ledger, 100'000), 6);  // one in 16,384
}

TEST(PushLedger, NoBudgetMeansNoProbesEither) {
  PushLedger ledger;
  ledger.SetBudget(0, false);
  EXPECT_EQ(Passed(ledger, 100'000), 0);
}

TEST(PushLedger, WhoKnowsTheOrderObeysTheBudgetAlone) {
  PushLedger ledger;
  ledger.SetBudget(10, false);
  for (int i = 0; i < 20; ++i) ledger.Wasted(0);
  EXPECT_TRUE(ledger.TryTakeAhead(10));
  EXPECT_FALSE(ledger.TryTakeAhead(1));
}

TEST(PushLedger, HugeSizesDoNotOverflow) {
  PushLedger ledger;
  ledger.SetBudget(UINT64_MAX / 2, false);
  EXPECT_TRUE(ledger.TryTake(1));
  EXPECT_FALSE(ledger.TryTake(UINT64_MAX));
}

}  // namespace
}  // namespace betonfs
