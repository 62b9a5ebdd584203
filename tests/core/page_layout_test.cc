#include "core/page_layout.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <set>
#include <vector>

namespace betonfs {
namespace {

constexpr uint64_t kMiB = 1 << 20;

PageLayout PlanOrDie(const std::vector<uint64_t>& sizes, uint32_t payloads_per_sample,
                     const LayoutOptions& options) {
  auto layout = PageLayout::Plan(sizes, payloads_per_sample, options);
  EXPECT_TRUE(layout) << layout.error().message;
  return *std::move(layout);
}

TEST(ChoosePageSize, IsEightMiBUnlessTheDataSaysOtherwise) {
  EXPECT_EQ(ChoosePageSize(100, 100 * kMiB), 8 * kMiB);
  EXPECT_EQ(ChoosePageSize(8 * kMiB, 100 * kMiB), 8 * kMiB);
  EXPECT_EQ(ChoosePageSize(8 * kMiB + 1, 100 * kMiB), 16 * kMiB);
  EXPECT_EQ(ChoosePageSize(64 * kMiB, 100 * kMiB), 64 * kMiB);
  EXPECT_EQ(ChoosePageSize(65 * kMiB, 100 * kMiB), 64 * kMiB);
}

TEST(ChoosePageSize, ShrinksToDataThatFitsOnePage) {
  EXPECT_EQ(ChoosePageSize(0, 0), 4096u);
  EXPECT_EQ(ChoosePageSize(10, 4096), 4096u);
  EXPECT_EQ(ChoosePageSize(10, 4097), 8192u);
  EXPECT_EQ(ChoosePageSize(10, 8 * kMiB), 8 * kMiB);
}

TEST(PageLayout, StartsAtTheFirstPageBoundaryFromTheRows) {
  EXPECT_EQ(PlanOrDie({10}, 1, {.page_size_bytes = 4096, .rows_end = 1}).OffsetOf(0), 4096u);
  EXPECT_EQ(PlanOrDie({10}, 1, {.page_size_bytes = 4096, .rows_end = 4096}).OffsetOf(0), 4096u);
  EXPECT_EQ(PlanOrDie({10}, 1, {.page_size_bytes = 4096, .rows_end = 4097}).OffsetOf(0), 8192u);
}

TEST(PageLayout, PutsSamplesOneAfterAnotherUntilThePageIsFull) {
  const auto layout = PlanOrDie({1000, 3096, 1, 4096}, 1, {.page_size_bytes = 4096});
  EXPECT_EQ(layout.OffsetOf(0), 0u);
  EXPECT_EQ(layout.OffsetOf(1), 1000u);
  EXPECT_EQ(layout.OffsetOf(2), 4096u);
  EXPECT_EQ(layout.OffsetOf(3), 8192u);
  EXPECT_EQ(layout.pages(), (Extent{0, 3 * 4096}));
  EXPECT_EQ(layout.num_pages(), 3u);
}

TEST(PageLayout, KeepsThePayloadsOfASampleOnOnePage) {
  const auto layout = PlanOrDie({2000, 2000, 90, 10}, 2, {.page_size_bytes = 4096});
  EXPECT_EQ(layout.OffsetOf(2), 4096u) << "96 bytes are left: enough for 90, not for 90 and 10";
}

TEST(PageLayout, BurnsAByteForAZeroLengthPayload) {
  const auto layout = PlanOrDie({0, 0, 4094, 0}, 1, {.page_size_bytes = 4096});
  EXPECT_EQ(layout.OffsetOf(1), 1u);
  EXPECT_EQ(layout.OffsetOf(2), 2u);
  EXPECT_EQ(layout.OffsetOf(3), 4096u) << "not 4096 as the end of a full page";
  EXPECT_EQ(layout.pages().size, 4097u);
}

TEST(PageLayout, LetsAnOversizeSampleSpanPagesFromABoundary) {
  const auto layout = PlanOrDie({10, 10000, 20}, 1, {.page_size_bytes = 4096});
  EXPECT_EQ(layout.OffsetOf(1), 4096u);
  EXPECT_EQ(layout.OffsetOf(2), 14096u);
  ASSERT_EQ(layout.oversize_samples().size(), 1u);
  EXPECT_EQ(layout.oversize_samples()[0], SampleIndex{1});
}

TEST(PageLayout, AlignsEveryPayload) {
  const auto layout =
      PlanOrDie({1, 0, 513, 5}, 2, {.page_size_bytes = 4096, .align_bytes = 512, .rows_end = 100});
  EXPECT_EQ(std::vector<uint64_t>(layout.offsets().begin(), layout.offsets().end()),
            (std::vector<uint64_t>{4096, 4608, 5120, 6144}));
}

TEST(PageLayout, ThePageChosenForASmallDatasetHoldsItAll) {
  const auto layout = PlanOrDie({0, 4000, 96}, 1, {});
  EXPECT_EQ(layout.page_size_bytes(), 8192u) << "the burned byte counts";
  EXPECT_EQ(layout.num_pages(), 1u);
}

TEST(PageLayout, NoPayloadsMeansNoPages) {
  EXPECT_EQ(PlanOrDie({}, 1, {.rows_end = 77}).pages(), (Extent{77, 0}));
  EXPECT_EQ(PlanOrDie({}, 0, {.rows_end = 77}).num_pages(), 0u);
}

TEST(PageLayout, RefusesWhatIsNoPageSizeAndNoAlignment) {
  const std::vector<uint64_t> sizes{1};
  for (const uint32_t page : {1u, 2048u, 4097u, 3u << 20, (1u << 31) + 1}) {
    EXPECT_FALSE(PageLayout::Plan(sizes, 1, {.page_size_bytes = page})) << page;
  }
  for (const uint32_t align : {0u, 3u, 8192u}) {
    EXPECT_FALSE(PageLayout::Plan(sizes, 1, {.page_size_bytes = 4096, .align_bytes = align}))
        << align;
  }
  EXPECT_TRUE(PageLayout::Plan(sizes, 1, {.page_size_bytes = 1u << 31, .align_bytes = 1u << 31}));
}

TEST(PageLayout, RefusesSizesThatOverflow) {
  for (const uint64_t size : {~uint64_t{0}, ~uint64_t{0} >> 1, uint64_t{1} << 62}) {
    const auto layout = PageLayout::Plan(std::vector<uint64_t>{size, size}, 1, {});
    ASSERT_FALSE(layout);
    EXPECT_EQ(layout.error().kind, ErrorKind::kInvalidArgument);
  }
}

// The rules FFCV needs, on random sizes.
TEST(PageLayout, NoPayloadCrossesAPageAndNoTwoShareAnOffset) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50; ++round) {
    const uint32_t per_sample = 1 + static_cast<uint32_t>(random() % 3);
    std::vector<uint64_t> sizes(per_sample * (1 + random() % 300));
    for (auto& size : sizes) size = random() % 4 == 0 ? 0 : random() % 1300;
    const uint32_t align = 1u << (random() % 4);
    const auto layout = PlanOrDie(sizes, per_sample, {4096, align, random() % 9000});
    std::set<uint64_t> seen;
    uint64_t end = layout.pages().offset;
    for (size_t i = 0; i < sizes.size(); ++i) {
      const uint64_t offset = layout.OffsetOf(i);
      ASSERT_TRUE(seen.insert(offset).second);
      ASSERT_GE(offset, end);
      ASSERT_EQ(offset % align, 0u);
      ASSERT_EQ(offset / 4096, (offset + std::max<uint64_t>(sizes[i], 1) - 1) / 4096);
      ASSERT_EQ(offset / 4096, layout.OffsetOf(i - i % per_sample) / 4096) << "one page per sample";
      end = offset + sizes[i];
    }
  }
}

}  // namespace
}  // namespace betonfs
