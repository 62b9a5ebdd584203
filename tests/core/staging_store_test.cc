// Bytes come back from wherever they were put.
#include "core/staging_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "core/block_checks.h"
#include "tests/support/pictures.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::TempDir;

constexpr uint32_t kStorePage = 4096;

class StagingStoreTest : public testing::Test {
 protected:
  void OpenPages(uint64_t keep_bytes) {
    auto pages = PageFile::Open(io_, dir_ / "pages", kStorePage, keep_bytes, kStorePage);
    ASSERT_TRUE(pages) << pages.error().message;
    store_.SetPages(std::move(*pages));
  }
  std::string Read(const Content& content, uint64_t offset, uint64_t size) {
    std::string text(size, '\0');
    EXPECT_TRUE(store_.Read(content, offset, std::as_writable_bytes(std::span<char>(text))));
    return text;
  }

  TempDir dir_;
  StageIo io_;
  StagingStore store_{io_, dir_.path()};
};

TEST_F(StagingStoreTest, ShowsAFileInItsPageInPlace) {
  OpenPages(0);
  const auto first = store_.pages().Put(AsBytes("first"));
  const auto second = store_.pages().Put(AsBytes("second"));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->offset, kStorePage);  // behind the hole for header and rows
  EXPECT_EQ(second->offset, kStorePage + 5);
  EXPECT_EQ(AsText(*store_.View(*first)), "first");
  EXPECT_EQ(AsText(*store_.View(*second)), "second");
  EXPECT_EQ(Read(*second, 2, 3), "con");
}

TEST_F(StagingStoreTest, OpeningAgainCutsOffWhatNobodyKnowsOf) {
  OpenPages(0);
  const auto kept = store_.pages().Put(AsBytes("kept"));
  ASSERT_TRUE(kept && store_.pages().Put(AsBytes("never told")));
  OpenPages(kept->offset + kept->size);
  const auto next = store_.pages().Put(AsBytes("n"));
  ASSERT_TRUE(next);
  EXPECT_GE(next->offset, 2 * kStorePage);
  EXPECT_EQ(AsText(*store_.View(*kept)), "kept");
  EXPECT_EQ(AsText(*store_.pages().map().At({kept->offset + 4, 10})), std::string(10, '\0'));
}

TEST_F(StagingStoreTest, ASpillFileIsReadAndNotShownInPlace) {
  OpenPages(0);
  const uint64_t number = store_.NewSpillNumber();
  {
    const auto fd = store_.OpenSpill(number, O_RDWR | O_CREAT);
    ASSERT_TRUE(fd && io_.Write(fd->get(), AsBytes("spilled"), 0, "spill"));
  }
  const Content content{Where::kSpill, number, 7, 0};
  EXPECT_FALSE(store_.View(content));
  EXPECT_EQ(Read(content, 2, 5), "illed");
}

TEST_F(StagingStoreTest, SpillNumbersAreNeverUsedTwice) {
  store_.KeepSpillNumbersAbove(41);
  EXPECT_EQ(store_.NewSpillNumber(), 42u);
  store_.KeepSpillNumbersAbove(3);
  EXPECT_EQ(store_.NewSpillNumber(), 43u);
}

TEST_F(StagingStoreTest, CopiesIntoAnOpenFile) {
  OpenPages(0);
  const auto content = store_.pages().Put(AsBytes("to be copied"));
  const auto fd = OpenFile(dir_ / "copy", O_RDWR | O_CREAT, 0644);
  ASSERT_TRUE(content && fd);
  ASSERT_TRUE(store_.CopyTo(*content, 5, fd->get(), 3, "copy"));
  EXPECT_EQ(test::ReadFile(dir_ / "copy"), std::string("\0\0\0to be", 8));
}

TEST(NotePicture, FindsTheFrameHeaderOfAJpegAndNothingElse) {
  Content content;
  NotePicture(AsBytes(test::MakeJpeg(31, 17)), content);
  EXPECT_EQ(content.picture, Picture::kJpeg);
  EXPECT_EQ(content.width, 31);
  EXPECT_EQ(content.height, 17);
  EXPECT_EQ(content.components, 3);
  NotePicture(AsBytes(test::MakeJpeg(8, 8, 3, 1, 100'000)), content);  // far behind the beginning
  EXPECT_EQ(content.picture, Picture::kJpeg);
  NotePicture(AsBytes("\xff\xd8 not really"), content);
  EXPECT_EQ(content.picture, Picture::kNotJpeg);
}

}  // namespace
}  // namespace betonfs
