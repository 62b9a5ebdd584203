#include "tools/human.h"

#include <gtest/gtest.h>

namespace betonfs {
namespace {

TEST(Human, GroupsDigits) {
  EXPECT_EQ(HumanCount(0), "0");
  EXPECT_EQ(HumanCount(999), "999");
  EXPECT_EQ(HumanCount(1000), "1,000");
  EXPECT_EQ(HumanCount(1234567), "1,234,567");
}

TEST(Human, PicksTheUnit) {
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1000), "1.0 kB");
  EXPECT_EQ(HumanBytes(999949), "999.9 kB");
  EXPECT_EQ(HumanBytes(999951), "1.0 MB");
  EXPECT_EQ(HumanBytes(~uint64_t{0}), "18.4 EB");
}

TEST(Human, WritesDurationsLikeAClock) {
  EXPECT_EQ(HumanDuration(0.4), "0:00");
  EXPECT_EQ(HumanDuration(75.2), "1:15");
  EXPECT_EQ(HumanDuration(3675), "1:01:15");
}

TEST(Human, ReadsSizes) {
  EXPECT_EQ(ParseSize("4096").value(), 4096u);
  EXPECT_EQ(ParseSize("8M").value(), 8u << 20);
  EXPECT_EQ(ParseSize("8MiB").value(), 8u << 20);
  EXPECT_EQ(ParseSize("2g").value(), uint64_t{2} << 30);
}

TEST(Human, RefusesWhatIsNoSize) {
  for (const char* text :
       {"", "M", "8X", "8MM", "-1", " 8", "8 M", "99999999999999999999", "16E"}) {
    EXPECT_FALSE(ParseSize(text)) << text;
  }
}

}  // namespace
}  // namespace betonfs
