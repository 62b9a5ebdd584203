// What READs tell of a unit that was pushed.
#include "fs/push_units.h"

#include <gtest/gtest.h>

namespace betonfs {
namespace {

using Sign = PushUnits::Sign;

Sign Canary() { return {.canary = true}; }
Sign Gone() { return {.had_contents = true}; }
Sign StoreGone() { return {.store_evicted = true}; }

// Three units of 128 bytes, of which the first begins later and the last ends earlier.
class PushUnitsTest : public testing::Test {
 protected:
  PushUnitsTest() { ledger_.SetBudget(1'000, false); }
  void Push(uint64_t unit, uint64_t proofs_wanted) {
    ASSERT_TRUE(units_.TryTake(unit, false));
    units_.Fill(unit, proofs_wanted, /*pushed=*/true);
  }

  PushLedger ledger_;
  PushTally tally_;
  PushUnits units_{{148, 252}, 128, ledger_, tally_};
};

TEST_F(PushUnitsTest, CoverThePagesAndNothingElse) {
  EXPECT_EQ(units_.ExtentOf(0), (Extent{148, 108}));
  EXPECT_EQ(units_.ExtentOf(1), (Extent{256, 128}));
  EXPECT_EQ(units_.ExtentOf(2), (Extent{384, 16}));
  EXPECT_EQ(units_.At(0), 0u);
  EXPECT_EQ(units_.At(256), 1u);
  EXPECT_EQ(units_.At(~uint64_t{0}), 2u);
}

TEST_F(PushUnitsTest, AUnitIsTakenByOneAlone) {
  EXPECT_TRUE(units_.TryTake(1, false));
  EXPECT_FALSE(units_.TryTake(1, true));
  EXPECT_EQ(ledger_.outstanding_bytes(), 128u);
  units_.GiveBack(1);
  EXPECT_EQ(ledger_.outstanding_bytes(), 0u);
  EXPECT_TRUE(units_.TryTake(1, false));
}

TEST_F(PushUnitsTest, ItsCanariesSettleItAsUsed) {
  Push(1, 2);
  EXPECT_FALSE(units_.Witness(1, Canary()));
  EXPECT_EQ(ledger_.outstanding_bytes(), 128u);
  EXPECT_FALSE(units_.Witness(1, Canary()));
  EXPECT_EQ(ledger_.outstanding_bytes(), 0u);
  EXPECT_EQ(ledger_.level(), 0u);
  EXPECT_TRUE(units_.IsFilled(1));  // and stays in the kernel
}

TEST_F(PushUnitsTest, ReadsOfWhatTheKernelHadMeanThatItWasEvictedUnused) {
  Push(1, 2);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(units_.Witness(1, Gone()));
  EXPECT_TRUE(units_.IsFilled(1));  // a READ or two may have been under way
  EXPECT_FALSE(units_.Witness(1, Gone()));
  EXPECT_TRUE(units_.IsIdle(1));
  EXPECT_EQ(ledger_.level(), 1u);
  EXPECT_EQ(ledger_.outstanding_bytes(), 0u);
  EXPECT_TRUE(units_.TakeStale(1));
  EXPECT_FALSE(units_.TakeStale(1));
}

TEST_F(PushUnitsTest, AfterItWasUsedTheyMeanANewPass) {
  Push(1, 1);
  units_.Witness(1, Canary());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(units_.Witness(1, Gone()));
  EXPECT_TRUE(units_.Witness(1, Gone()));  // offer it again
  EXPECT_EQ(ledger_.level(), 0u);
}

TEST_F(PushUnitsTest, AStorePageThatIsOutNeedsNoSecondWitnessOnceTheUnitWasUsed) {
  Push(1, 1);
  units_.Witness(1, Canary());
  EXPECT_TRUE(units_.Witness(1, StoreGone()));
  EXPECT_TRUE(units_.IsIdle(1));
}

TEST_F(PushUnitsTest, SamplesTheKernelDidNotKnowThenAreWorthAnotherTry) {
  Push(1, 100);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(units_.Witness(1, {}));
  EXPECT_TRUE(units_.Witness(1, {}));
  EXPECT_EQ(ledger_.level(), 0u);  // nothing was wasted
  EXPECT_EQ(ledger_.outstanding_bytes(), 0u);
}

TEST_F(PushUnitsTest, AUnitThatWasReadAheadOnlyIsPushedOnceItsInodesAreKnown) {
  ASSERT_TRUE(units_.TryTake(1, false));
  units_.SetRetryAt(1, 50);
  units_.Fill(1, 100, /*pushed=*/false);
  EXPECT_FALSE(units_.Witness(1, {.num_pushable = 49}));
  EXPECT_TRUE(units_.Witness(1, {.num_pushable = 50}));
  EXPECT_TRUE(units_.IsIdle(1));
}

}  // namespace
}  // namespace betonfs
