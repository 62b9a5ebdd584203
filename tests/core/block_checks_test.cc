#include "core/block_checks.h"

#include <gtest/gtest.h>

#include <thread>

namespace betonfs {
namespace {

constexpr uint64_t kBlock = kChecksumBlockSizeBytes;

// Two and a half blocks and their checksums; the range may be damaged before it is read.
struct Guarded {
  std::string range = std::string(2 * kBlock + kBlock / 2, 'x');
  std::vector<u64le> checksums;

  Guarded() {
    for (uint64_t at = 0; at < range.size(); at += kBlock) {
      checksums.emplace_back(Xxh3(AsBytes(std::string_view(range).substr(at, kBlock))));
    }
  }
  BlockChecks Checks() const {
    return BlockChecks(AsBytes(range), std::as_bytes(std::span(checksums)), 1000, "f: rows");
  }
};

TEST(BlockChecks, GoodBytesPass) {
  const Guarded guarded;
  const BlockChecks checks = guarded.Checks();
  EXPECT_TRUE(checks.Touch(0, guarded.range.size()));
  EXPECT_TRUE(checks.Touch(guarded.range.size(), 0));
  EXPECT_TRUE(checks.VerifyAll().empty());
}

TEST(BlockChecks, DamageIsLocalToItsBlock) {
  Guarded guarded;
  guarded.range[kBlock + 5] = 'y';
  const BlockChecks checks = guarded.Checks();
  EXPECT_TRUE(checks.Touch(0, kBlock));
  EXPECT_TRUE(checks.Touch(2 * kBlock, 1));
  EXPECT_FALSE(checks.Touch(kBlock, 1));
  EXPECT_FALSE(checks.Touch(kBlock - 1, 2));
  EXPECT_FALSE(checks.Touch(kBlock, 1)) << "a bad block is never taken for good";
}

TEST(BlockChecks, TheErrorNamesRangeOffsetAndBothChecksums) {
  Guarded guarded;
  guarded.range.back() = 'y';
  const auto errors = guarded.Checks().VerifyAll();
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].kind, ErrorKind::kCorrupt);
  EXPECT_TRUE(errors[0].message.starts_with(
      "f: rows: the checksum of the 32768 bytes at offset 132072 is "))
      << errors[0].message;
}

TEST(BlockChecks, MayBeTouchedByManyThreadsAtOnce) {
  const Guarded guarded;
  const BlockChecks checks = guarded.Checks();
  std::vector<std::thread> threads;
  std::atomic<int> passed{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { passed += checks.Touch(0, guarded.range.size()).has_value(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed, 4);
}

TEST(BlockChecks, AnEmptyRangeHasNoBlocks) {
  const BlockChecks checks({}, {}, 0, "nothing");
  EXPECT_TRUE(checks.Touch(0, 0));
  EXPECT_TRUE(checks.VerifyAll().empty());
  EXPECT_EQ(BlockChecks::NumBlocks(0), 0u);
  EXPECT_EQ(BlockChecks::NumBlocks(1), 1u);
  EXPECT_EQ(BlockChecks::NumBlocks(kBlock), 1u);
  EXPECT_EQ(BlockChecks::NumBlocks(kBlock + 1), 2u);
}

}  // namespace
}  // namespace betonfs
