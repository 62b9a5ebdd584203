// What is said before anything is mounted.
#include "fs/mountpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using testing::HasSubstr;

class MountpointTest : public testing::Test {
 protected:
  std::string MakeDirectory(std::string_view name) {
    const std::string path = dir_ / name;
    EXPECT_EQ(mkdir(path.c_str(), 0755), 0);
    return std::filesystem::canonical(path);  // the directory for tests may itself be a link
  }

  test::TempDir dir_;
};

TEST_F(MountpointTest, AnEmptyDirectoryIsOneAndItsLinksAreFollowed) {
  const std::string path = MakeDirectory("mnt");
  EXPECT_EQ(*PrepareMountpoint(path, false), path);
  EXPECT_EQ(*PrepareMountpoint(path + "/", false), path);
  EXPECT_EQ(symlink("mnt", (dir_ / "link").c_str()), 0);
  EXPECT_EQ(*PrepareMountpoint(dir_ / "link", false), path);
  EXPECT_EQ(*ResolveMountpoint(dir_ / "link"), path);
}

TEST_F(MountpointTest, WhatIsNoDirectoryIsRefusedByName) {
  const auto missing = PrepareMountpoint(dir_ / "missing", false);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr(dir_ / "missing"));
  const auto file = PrepareMountpoint(dir_.Write("file", ""), false);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_THAT(file.error().message, HasSubstr("not a directory"));
}

TEST_F(MountpointTest, ADirectoryWithFilesIsNotCoveredUnasked) {
  const std::string path = MakeDirectory("mnt");
  dir_.Write("mnt/file", "");
  const auto refused = PrepareMountpoint(path, /*nonempty=*/false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kBusy);
  EXPECT_THAT(refused.error().message, HasSubstr("-o nonempty"));
  EXPECT_EQ(*PrepareMountpoint(path, /*nonempty=*/true), path);
}

TEST_F(MountpointTest, AMountpointIsNotMountedOverAndSaysWhatIsThere) {
  const auto refused = PrepareMountpoint("/proc", true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kBusy);
  EXPECT_THAT(refused.error().message, HasSubstr("(proc) is mounted there already"));
}

TEST_F(MountpointTest, UnmountingWhatIsNotMountedFails) {
  const Status status = Unmount(MakeDirectory("mnt"), /*lazy=*/false);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr(dir_ / "mnt"));
}

}  // namespace
}  // namespace betonfs
