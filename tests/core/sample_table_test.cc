#include "core/sample_table.h"

#include <gtest/gtest.h>

#include <thread>

namespace betonfs {
namespace {

SampleTable Table(const std::vector<RawTableRow>& rows, uint64_t num_samples,
                  uint32_t num_payloads) {
  return SampleTable(std::as_bytes(std::span(rows)), 4096, num_samples, num_payloads, nullptr, "f");
}

uint64_t SizeOf(const SampleTable& table, uint64_t sample, uint32_t payload, uint64_t offset,
                std::optional<uint64_t> expected = std::nullopt) {
  const auto size = table.PayloadSize(SampleIndex{sample}, payload, offset, expected);
  return size ? *size : ~uint64_t{0};
}
constexpr uint64_t kNone = ~uint64_t{0};

TEST(SampleTable, FindsRowsInOrderByArithmetic) {
  const std::vector<RawTableRow> rows = {{0, 10, 1}, {0, 11, 2}, {1, 13, 3}, {1, 16, 4}};
  const SampleTable table = Table(rows, 2, 2);
  EXPECT_EQ(SizeOf(table, 0, 0, 10), 1u);
  EXPECT_EQ(SizeOf(table, 1, 1, 16), 4u);
  EXPECT_EQ(SizeOf(table, 1, 1, 16, 4), 4u);
}

TEST(SampleTable, FindsRowsInAnyOrder) {
  const std::vector<RawTableRow> rows = {{2, 30, 3}, {0, 10, 1}, {1, 20, 2}};
  const SampleTable table = Table(rows, 3, 1);
  EXPECT_EQ(SizeOf(table, 0, 0, 10), 1u);
  EXPECT_EQ(SizeOf(table, 1, 0, 20), 2u);
  EXPECT_EQ(SizeOf(table, 2, 0, 30), 3u);
}

TEST(SampleTable, AZeroLengthRowDoesNotHideTheOneItSharesItsOffsetWith) {
  // What FFCV writes for (b"", b"12345"): both at 10.
  const std::vector<RawTableRow> rows = {{1, 15, 0}, {1, 15, 7}, {0, 10, 0}, {0, 10, 5}};
  const SampleTable table = Table(rows, 2, 2);
  EXPECT_EQ(SizeOf(table, 0, 0, 10, 0), 0u);
  EXPECT_EQ(SizeOf(table, 0, 1, 10, 5), 5u);
  EXPECT_EQ(SizeOf(table, 0, 0, 10), 0u) << "its own by position";
  EXPECT_EQ(SizeOf(table, 0, 1, 10), 5u);
  EXPECT_EQ(SizeOf(table, 0, 0, 10, 6), kNone);
}

TEST(SampleTable, OnlyTheSamplesOwnRowsCount) {
  const std::vector<RawTableRow> rows = {{1, 20, 2}, {0, 10, 1}};
  const SampleTable table = Table(rows, 2, 1);
  EXPECT_EQ(SizeOf(table, 0, 0, 20), kNone);
  const auto missing = table.PayloadSize(SampleIndex{0}, 0, 20, 2);
  EXPECT_EQ(missing.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(missing.error().message,
            "f: sample 0: no row of the allocation table at offset 4096 gives its payload at 20 a "
            "size of 2: none of its 1 rows does");
}

TEST(SampleTable, RowsOfSamplesThatAreNotThereAreLeftAlone) {
  const std::vector<RawTableRow> rows = {{~uint64_t{0}, 99, 9}, {1, 20, 2}, {7, 0, 0}, {0, 10, 1}};
  const SampleTable table = Table(rows, 2, 1);
  EXPECT_EQ(SizeOf(table, 0, 0, 10), 1u);
  EXPECT_EQ(SizeOf(table, 1, 0, 20), 2u);
}

TEST(SampleTable, AnIndexLargerThanItsLimitIsRefusedAndNotBuilt) {
  const std::vector<RawTableRow> rows = {{1, 20, 2}, {0, 10, 1}};
  const SampleTable table(std::as_bytes(std::span(rows)), 4096, 2, 1, nullptr, "f", 15);
  const auto size = table.PayloadSize(SampleIndex{0}, 0, 10, std::nullopt);
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(size.error().message,
            "f: the index over its allocation table, which is out of order, takes 16 bytes of "
            "memory, more than the 15 that are half of this machine's");
  EXPECT_EQ(SizeOf(Table(rows, 2, 1), 0, 0, 10), 1u) << "and 16 would do";
}

TEST(SampleTable, TheIndexIsBuiltOnceForAllThreads) {
  std::vector<RawTableRow> rows;
  for (uint64_t i = 1000; i-- > 0;) rows.push_back({i, i * 8, i});
  const SampleTable table = Table(rows, 1000, 1);
  std::atomic<uint64_t> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (uint64_t i = 0; i < 1000; ++i) right += SizeOf(table, i, 0, i * 8) == i;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 4000u);
}

}  // namespace
}  // namespace betonfs
