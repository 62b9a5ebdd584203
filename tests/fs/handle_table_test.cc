#include "fs/handle_table.h"

#include <gtest/gtest.h>

#include <string>

namespace betonfs {
namespace {

TEST(HandleTable, FindsWhatIsOpenAndNothingElse) {
  HandleTable<const std::string> table;
  const uint64_t one = table.Add(std::make_shared<const std::string>("one"));
  const uint64_t two = table.Add(std::make_shared<const std::string>("two"));
  EXPECT_EQ(*table.Find(one), "one");
  EXPECT_EQ(*table.Find(two), "two");
  EXPECT_EQ(table.Find(two + 1), nullptr);
  table.Remove(one);
  EXPECT_EQ(table.Find(one), nullptr);
  table.Remove(one);
  EXPECT_EQ(*table.Find(two), "two");
}

TEST(HandleTable, AHandleIsNotUsedAgain) {
  HandleTable<int> table;
  const uint64_t first = table.Add(std::make_shared<int>(1));
  table.Remove(first);
  EXPECT_NE(table.Add(std::make_shared<int>(2)), first);
}

TEST(HandleTable, WhoeverFoundItKeepsItWhenItIsClosed) {
  HandleTable<int> table;
  const uint64_t handle = table.Add(std::make_shared<int>(1));
  const auto found = table.Find(handle);
  table.Remove(handle);
  EXPECT_EQ(*found, 1);
}

TEST(HandleTable, WhatIsOpenAtTheEndIsFreedWithIt) {
  std::weak_ptr<int> watched;
  {
    HandleTable<int> table;
    auto value = std::make_shared<int>(1);
    watched = value;
    table.Add(std::move(value));
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace betonfs
