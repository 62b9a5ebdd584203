#include "core/staging_io.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::ReadFile;
using test::TempDir;

class StageIoTest : public testing::Test {
 protected:
  UniqueFd Open(const std::string& name) {
    auto fd = io_.Open(dir_ / name, O_RDWR | O_CREAT, 0644);
    EXPECT_TRUE(fd);
    return std::move(*fd);
  }

  TempDir dir_;
  StageIo io_;
};

TEST_F(StageIoTest, ZeroesARangeAndKeepsTheSize) {
  dir_.Write("file", "abcdefghij");
  const UniqueFd fd = Open("file");
  ASSERT_TRUE(io_.Zero(fd.get(), {3, 4}, "file"));
  EXPECT_EQ(ReadFile(dir_ / "file"), std::string("abc\0\0\0\0hij", 10));
  ASSERT_TRUE(io_.Zero(fd.get(), {9, 100}, "file"));
  EXPECT_EQ(ReadFile(dir_ / "file").size(), 10u);
}

TEST_F(StageIoTest, CopiesBetweenFilesAndWithinOne) {
  dir_.Write("from", std::string(5000, 'x') + "tail");
  const UniqueFd from = Open("from");
  const UniqueFd to = Open("to");
  ASSERT_TRUE(io_.Copy(from.get(), 4998, to.get(), 1, 6, "to"));
  EXPECT_EQ(ReadFile(dir_ / "to"), std::string("\0xxtail", 7));
  ASSERT_TRUE(io_.Copy(to.get(), 3, to.get(), 10, 4, "to"));
  EXPECT_EQ(ReadFile(dir_ / "to"), std::string("\0xxtail\0\0\0tail", 14));
}

TEST_F(StageIoTest, CopyingMoreThanThereIsIsAnError) {
  dir_.Write("from", "short");
  const UniqueFd from = Open("from");
  const UniqueFd to = Open("to");
  const auto copied = io_.Copy(from.get(), 0, to.get(), 0, 100, "to");
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().kind, ErrorKind::kTruncated);
}

TEST_F(StageIoTest, RemovingWhatIsNotThereIsFine) {
  EXPECT_TRUE(io_.Remove(dir_ / "nothing"));
  EXPECT_FALSE(io_.Rename(dir_ / "nothing", dir_ / "something"));
}

}  // namespace
}  // namespace betonfs
