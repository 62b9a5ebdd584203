// Ranges that are handed out never overlap, and what fits a page lies in one.
#include "core/staging_pages.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace betonfs {
namespace {

constexpr uint32_t kPage = 4096;

TEST(PageAllocator, FillsAPageBeforeTheNext) {
  PageAllocator pages(kPage, kPage);
  EXPECT_EQ(pages.Allocate(1000).offset, kPage);
  EXPECT_EQ(pages.Allocate(3000).offset, kPage + 1000);
  EXPECT_EQ(pages.Allocate(1000).offset, 2 * kPage);
}

TEST(PageAllocator, AnEmptyFileBurnsAByte) {
  PageAllocator pages(0, kPage);
  const uint64_t empty = pages.Allocate(0).offset;
  EXPECT_NE(pages.Allocate(10).offset, empty);
}

TEST(PageAllocator, SaysWhenAPageIsFull) {
  PageAllocator pages(0, kPage);
  EXPECT_FALSE(pages.Allocate(kPage - 1).filled);
  EXPECT_EQ(pages.Allocate(1).filled, (Extent{0, kPage}));
}

TEST(PageAllocator, WhatAReservationLeavesIsUsedAgain) {
  PageAllocator pages(0, kPage);
  const Extent reservation = pages.Reserve(kPage + 1);
  EXPECT_EQ(reservation.offset % reservation.size, 0u);
  pages.Finish(reservation, kPage + 1);
  EXPECT_EQ(pages.Allocate(10).offset, reservation.offset + kPage + 1);
  EXPECT_EQ(pages.end(), reservation.offset + 2 * kPage);
}

TEST(PageAllocator, NothingIsHandedOutTwice) {
  PageAllocator pages(3 * kPage, kPage);
  std::mt19937 random(1);
  std::map<uint64_t, uint64_t> used;  // offset -> end
  const auto take = [&](uint64_t offset, uint64_t size) {
    const uint64_t end = offset + std::max<uint64_t>(size, 1);
    const auto next = used.lower_bound(offset);
    ASSERT_TRUE(next == used.end() || end <= next->first);
    ASSERT_TRUE(next == used.begin() || std::prev(next)->second <= offset);
    used[offset] = end;
  };
  for (int i = 0; i < 5000; ++i) {
    if (random() % 20 == 0) {
      Extent reservation = pages.Reserve(random() % (5 * kPage));
      uint64_t used_bytes = random() % reservation.size;
      if (random() % 2 == 0 && pages.Extend(reservation, reservation.size + 100)) {
        used_bytes = reservation.size - 50;
      }
      pages.Finish(reservation, used_bytes);
      take(reservation.offset, used_bytes);
    } else {
      const uint64_t size = random() % (kPage + 1);
      const uint64_t offset = pages.Allocate(size).offset;
      take(offset, size);
      ASSERT_EQ(offset / kPage, (offset + std::max<uint64_t>(size, 1) - 1) / kPage);
    }
  }
}

}  // namespace
}  // namespace betonfs
