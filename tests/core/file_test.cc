#include "core/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::ReadFile;
using test::TempDir;
using Existing = ReplacementFile::Existing;

size_t NumFiles(const TempDir& dir) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    (void)entry;
    ++count;
  }
  return count;
}

TEST(UniqueFd, ClosesItsDescriptorOnce) {
  int number;
  {
    UniqueFd fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    number = fd.get();
    UniqueFd moved(std::move(fd));
    EXPECT_FALSE(fd.valid());  // NOLINT: a moved-from descriptor is empty by promise
    EXPECT_EQ(moved.get(), number);
  }
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

TEST(OpenFile, NeverTakesTheStandardDescriptors) {
  const UniqueFd saved(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  close(STDIN_FILENO);
  const auto fd = OpenFile("/dev/null", O_RDONLY);
  if (saved.valid()) dup2(saved.get(), STDIN_FILENO);
  ASSERT_TRUE(fd);
  EXPECT_GE(fd->get(), 3);
}

TEST(OpenFile, NamesThePathThatIsNotThere) {
  const auto fd = OpenFile("/no/such/file", O_RDONLY);
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(fd.error().message, "/no/such/file: No such file or directory");
}

TEST(MappedFile, ShowsTheBytesAndTheIdentity) {
  const TempDir dir;
  const std::string path = dir.Write("f", "contents");
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file);
  EXPECT_EQ(AsText(file->bytes()), "contents");
  EXPECT_EQ(file->identity(), *IdentityOf(path));
  EXPECT_EQ(file->identity().size_bytes, 8u);
}

TEST(MappedFile, AnEmptyFileHasNoBytes) {
  const TempDir dir;
  const auto file = MappedFile::Open(dir.Write("f", ""));
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->bytes().empty());
}

TEST(MappedFile, TakesRegularFilesAlone) {
  const TempDir dir;
  EXPECT_EQ(MappedFile::Open(dir.path()).error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(MappedFile::Open("/dev/null").error().kind, ErrorKind::kInvalidArgument);
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::Open(dir / "fifo").error().kind, ErrorKind::kInvalidArgument);
}

TEST(MappedFile, KeepsItsBytesWhenItMoves) {
  const TempDir dir;
  auto first = MappedFile::Open(dir.Write("a", "first"));
  auto second = MappedFile::Open(dir.Write("b", "second"));
  *first = std::move(*second);
  EXPECT_EQ(AsText(first->bytes()), "second");
  const MappedFile third = std::move(*first);
  EXPECT_EQ(AsText(third.bytes()), "second");
}

TEST(ReadAt, SaysWhereTheFileEnded) {
  const TempDir dir;
  const std::string path = dir.Write("f", "12345");
  const auto fd = OpenFile(path, O_RDWR);
  std::string bytes(3, ' ');
  ASSERT_TRUE(ReadAt(fd->get(), std::as_writable_bytes(std::span(bytes)), 1, path));
  EXPECT_EQ(bytes, "234");
  const auto status = ReadAt(fd->get(), std::as_writable_bytes(std::span(bytes)), 4, path);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kTruncated);
  EXPECT_EQ(status.error().message, path + ": ends at 5, expected 2 bytes more");
}

TEST(WriteAt, FailsWithTheReasonOfTheSystem) {
  const auto fd = OpenFile("/dev/full", O_WRONLY);
  ASSERT_TRUE(fd);
  const auto status = WriteAt(fd->get(), AsBytes("x"), 0, "/dev/full");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kNoSpace);
}

TEST(ReplacementFile, AppearsOnlyWhenItIsCommitted) {
  const TempDir dir;
  {
    auto file = ReplacementFile::Create(dir / "f", Existing::kRefuse);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_TRUE(WriteAt(file->fd(), AsBytes("new"), 0, file->target()));
    EXPECT_FALSE(std::filesystem::exists(dir / "f"));
    ASSERT_TRUE(file->Commit());
  }
  EXPECT_EQ(ReadFile(dir / "f"), "new");
  EXPECT_EQ(NumFiles(dir), 1u);
}

TEST(ReplacementFile, LeavesNoTraceWhenItIsDropped) {
  const TempDir dir;
  dir.Write("f", "old");
  {
    auto file = ReplacementFile::Create(dir / "f", Existing::kReplace);
    ASSERT_TRUE(WriteAt(file->fd(), AsBytes("new"), 0, file->target()));
  }
  EXPECT_EQ(ReadFile(dir / "f"), "old");
  EXPECT_EQ(NumFiles(dir), 1u);
}

TEST(ReplacementFile, TakesThePlaceAndThePermissionsOfTheOldFile) {
  const TempDir dir;
  chmod(dir.Write("f", "old").c_str(), 0640);
  auto file = ReplacementFile::Create(dir / "f", Existing::kReplace);
  ASSERT_TRUE(WriteAt(file->fd(), AsBytes("new"), 0, file->target()));
  ASSERT_TRUE(file->Commit());
  EXPECT_EQ(ReadFile(dir / "f"), "new");
  EXPECT_EQ(std::filesystem::status(dir / "f").permissions(), std::filesystem::perms(0640));
  EXPECT_EQ(NumFiles(dir), 1u);
}

TEST(ReplacementFile, RefusesWhatIsThereBeforeAndAfterTheWork) {
  const TempDir dir;
  auto file = ReplacementFile::Create(dir / "f", Existing::kRefuse);
  ASSERT_TRUE(file);
  dir.Write("f", "came in between");
  EXPECT_EQ(file->Commit().error().kind, ErrorKind::kExists);
  EXPECT_EQ(ReadFile(dir / "f"), "came in between");
  EXPECT_EQ(ReplacementFile::Create(dir / "f", Existing::kRefuse).error().kind, ErrorKind::kExists);
}

TEST(ReplacementFile, FollowsALinkAndRefusesADirectory) {
  const TempDir dir;
  dir.Write("sub/f", "old");
  std::filesystem::create_symlink("sub/f", dir / "link");
  auto file = ReplacementFile::Create(dir / "link", Existing::kReplace);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->Commit());
  EXPECT_TRUE(std::filesystem::is_symlink(dir / "link"));
  EXPECT_EQ(ReadFile(dir / "sub/f"), "");
  EXPECT_EQ(ReplacementFile::Create(dir / "sub", Existing::kReplace).error().kind,
            ErrorKind::kInvalidArgument);
  EXPECT_EQ(ReplacementFile::Create(dir / "none/f", Existing::kReplace).error().kind,
            ErrorKind::kNotFound);
}

}  // namespace
}  // namespace betonfs
