#include "fs/inode.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace betonfs {
namespace {

TEST(Ino, TheRootIsOneAsFuseWantsIt) {
  EXPECT_EQ(Ino::Root().value(), 1u);
  EXPECT_EQ(Ino::Root().kind(), Ino::Kind::kRoot);
  EXPECT_TRUE(Ino::Root().is_tree_directory());
}

TEST(Ino, AFileTellsItsSampleAndField) {
  for (const uint64_t sample : {uint64_t{0}, uint64_t{12345}, Ino::kMaxSamples - 1}) {
    for (const uint16_t field : std::initializer_list<uint16_t>{0, 3, 0xffff}) {
      const Ino file = Ino::File(SampleIndex{sample}, field);
      EXPECT_TRUE(Ino(file.value()).is_file());
      EXPECT_EQ(Number(file.sample()), sample);
      EXPECT_EQ(file.field(), field);
    }
  }
}

TEST(Ino, KindsNeverMeet) {
  EXPECT_NE(Ino::Directory(0), Ino::Root());
  EXPECT_NE(Ino::Directory(5), Ino::Control(5));
  EXPECT_EQ(Ino::Directory(Ino::kMaxNumber).number(), Ino::kMaxNumber);
  EXPECT_TRUE(Ino::Control(0).is_control());
  EXPECT_FALSE(Ino(0).is_file() || Ino(0).is_control() || Ino(0).is_tree_directory());
}

}  // namespace
}  // namespace betonfs
