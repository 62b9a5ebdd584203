#include "fs/mount_table.h"

#include <gtest/gtest.h>

namespace betonfs {
namespace {

TEST(ParseMountInfo, FindsMountpointTypeSourceAndDevice) {
  const auto mounts = ParseMountInfo(
      "36 35 98:0 / /mnt/a rw,noatime shared:1 master:2 - ext4 /dev/vda rw,errors=continue\n"
      "37 36 0:54 / /mnt/b ro - fuse.betonfs /data/photos.beton ro,user_id=0\n");
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].mountpoint, "/mnt/a");
  EXPECT_EQ(mounts[0].type, "ext4");
  EXPECT_EQ(mounts[1].source, "/data/photos.beton");
  EXPECT_EQ(mounts[1].device_major, 0u);
  EXPECT_EQ(mounts[1].device_minor, 54u);
}

TEST(ParseMountInfo, UndoesTheKernelsEscapes) {
  const auto mounts =
      ParseMountInfo("1 2 0:5 / /a\\040b\\012c\\134d rw - fuse.betonfs /my\\040file rw\n");
  ASSERT_EQ(mounts.size(), 1u);
  EXPECT_EQ(mounts[0].mountpoint, "/a b\nc\\d");
  EXPECT_EQ(mounts[0].source, "/my file");
}

TEST(ParseMountInfo, SkipsWhatItCannotRead) {
  EXPECT_TRUE(ParseMountInfo("\nnonsense\n1 2 3 4\n1 2 0:5 / /a rw no dash here\n").empty());
}

TEST(FindMount, KnowsProcAndNothingElseThere) {
  const auto proc = FindMount("/proc");
  ASSERT_TRUE(proc && *proc);
  EXPECT_EQ((*proc)->type, "proc");
  EXPECT_FALSE(*FindMount("/proc/self"));
}

}  // namespace
}  // namespace betonfs
