#include "fs/atomic_bitmap.h"

#include <gtest/gtest.h>

#include <thread>

namespace betonfs {
namespace {

TEST(AtomicBitmap, SetAndClearTellWhatTheBitWas) {
  AtomicBitmap bits(70);
  EXPECT_FALSE(bits.Set(69));
  EXPECT_TRUE(bits.Set(69));
  EXPECT_TRUE(bits.Test(69));
  EXPECT_FALSE(bits.Test(68));
  EXPECT_TRUE(bits.Clear(69));
  EXPECT_FALSE(bits.Clear(69));
}

TEST(AtomicBitmap, RangesEndWhereTheySay) {
  AtomicBitmap bits(300);
  for (uint64_t b = 0; b < 300; ++b) bits.Set(b);
  EXPECT_EQ(bits.CountSet(10, 250), 250u);
  bits.ClearRange(63, 130);
  EXPECT_TRUE(bits.Test(62));
  EXPECT_FALSE(bits.Test(63));
  EXPECT_FALSE(bits.Test(192));
  EXPECT_TRUE(bits.Test(193));
  EXPECT_EQ(bits.CountSet(0, 300), 170u);
  EXPECT_EQ(bits.CountSet(5, 0), 0u);
}

TEST(AtomicBitmap, CountsWhatIsSet) {
  AtomicBitmap bits(300);
  for (uint64_t b = 0; b < 300; b += 3) bits.Set(b);
  bits.Set(0);
  EXPECT_EQ(bits.num_set(), 100u);
  bits.Clear(0);
  bits.Clear(1);
  EXPECT_EQ(bits.num_set(), 99u);
  bits.ClearRange(0, 150);
  EXPECT_EQ(bits.num_set(), bits.CountSet(150, 150));
}

TEST(AtomicBitmap, ThreadsDoNotLoseEachOthersBits) {
  AtomicBitmap bits(6400);
  const auto set = [&](uint64_t first) {
    for (uint64_t b = first; b < 6400; b += 2) bits.Set(b);
  };
  std::thread odd(set, 1);
  set(0);
  odd.join();
  EXPECT_EQ(bits.CountSet(0, 6400), 6400u);
  EXPECT_EQ(bits.num_set(), 6400u);
}

}  // namespace
}  // namespace betonfs
