#include "core/working_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace betonfs {
namespace {

TEST(WorkingMemory, WhatFitsIsAllowedToTheByte) {
  EXPECT_TRUE(CheckWorkingMemory(100, 100, "a.beton", "sorting"));
  EXPECT_FALSE(CheckWorkingMemory(101, 100, "a.beton", "sorting"));
}

TEST(WorkingMemory, ARefusalNamesTheFileAndBothSizes) {
  const Status refused = CheckWorkingMemory(~uint64_t{0}, 100, "a.beton", "sorting its samples");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(refused.error().message,
              testing::HasSubstr("a.beton: sorting its samples takes 18446744073709551615 bytes"));
}

TEST(WorkingMemory, OfThisMachineIsSomethingAndNotEverything) {
  EXPECT_GT(WorkingMemoryLimitBytes(), uint64_t{1} << 20);
  EXPECT_LT(WorkingMemoryLimitBytes(), uint64_t{1} << 60);
}

}  // namespace
}  // namespace betonfs
