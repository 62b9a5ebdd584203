// From memory to stream to spill, and what each leaves at rest.
#include "core/staging_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/block_checks.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::TempDir;

class StagingFileTest : public testing::Test {
 protected:
  StagingFileTest() : store_(io_, dir_.path()) {
    auto pages =
        PageFile::Open(io_, dir_ / "pages", kDefaultPageSizeBytes, 0, kDefaultPageSizeBytes);
    EXPECT_TRUE(pages);
    store_.SetPages(std::move(*pages));
  }

  Content Seal(StagingFile& file) {
    const auto content = file.Seal();
    EXPECT_TRUE(content);
    file.MarkSealed(*content);
    return *content;
  }
  std::string Read(StagingFile& file) {
    std::vector<std::byte> buffer;
    const auto bytes = file.Read(0, file.size_bytes(), buffer);
    EXPECT_TRUE(bytes);
    return std::string(AsText(*bytes));
  }

  TempDir dir_;
  StageIo io_;
  StagingStore store_;
};

TEST_F(StagingFileTest, ASmallFileGoesIntoAPageWithItsChecksum) {
  StagingFile file(store_, Content(), 0);
  ASSERT_TRUE(file.Write(0, AsBytes("small")));
  const Content content = Seal(file);
  EXPECT_EQ(content.where, Where::kPages);
  EXPECT_EQ(content.size, 5u);
  EXPECT_EQ(content.xxh3, Xxh3(AsBytes("small")));
  EXPECT_EQ(AsText(*store_.View(content)), "small");
  EXPECT_EQ(store_.buffered_bytes(), 0u);
}

TEST_F(StagingFileTest, AnEmptyFileHasNoPlace) {
  StagingFile file(store_, Content(), 0);
  EXPECT_EQ(Seal(file), Content());
}

TEST_F(StagingFileTest, ALargeFileWrittenFromFrontToBackNeverWaitsInMemory) {
  StagingFile file(store_, Content(), 0);
  const std::string step(1 << 20, 's');
  for (uint64_t i = 0; i < 30; ++i) {
    ASSERT_TRUE(file.Write(i * step.size(), AsBytes(step)));
    EXPECT_LE(store_.buffered_bytes(), 1u << 20);
  }
  const Content content = Seal(file);
  EXPECT_EQ(content.where, Where::kPages);
  EXPECT_EQ(content.size, 30u << 20);
  EXPECT_EQ(content.xxh3, Xxh3(*store_.View(content)));
}

TEST_F(StagingFileTest, AStreamWrittenBackIntoHasTheChecksumOfWhatIsThere) {
  StagingFile file(store_, Content(), 0);
  ASSERT_TRUE(file.Write(0, AsBytes(std::string(3 << 20, 'a'))));
  ASSERT_TRUE(file.Write(100, AsBytes("back here")));
  ASSERT_TRUE(file.Truncate(2 << 20));
  const Content content = Seal(file);
  EXPECT_EQ(content.size, 2u << 20);
  EXPECT_EQ(content.xxh3, Xxh3(*store_.View(content)));
  EXPECT_EQ(AsText(*store_.View(content)).substr(98, 13), "aaback hereaa");
}

TEST_F(StagingFileTest, ALargeFileWrittenAtRandomSpills) {
  StagingFile file(store_, Content(), 0);
  ASSERT_TRUE(file.Write(0, AsBytes("head")));
  ASSERT_TRUE(file.Write(200 << 20, AsBytes("far out")));
  const Content content = Seal(file);
  EXPECT_EQ(content.where, Where::kSpill);
  EXPECT_EQ(file.size_bytes(), (200u << 20) + 7);
  std::vector<std::byte> buffer;
  EXPECT_EQ(AsText(*file.Read(200 << 20, 100, buffer)), "far out");
  EXPECT_EQ(AsText(*file.Read(4, 2, buffer)), std::string(2, '\0'));
}

TEST_F(StagingFileTest, AFileThatKeepsChangingSpills) {
  StagingFile file(store_, Content(), 0);
  for (const char* text : {"one", "two"}) {
    ASSERT_TRUE(file.Write(0, AsBytes(text)));
    EXPECT_EQ(Seal(file).where, Where::kPages);
  }
  ASSERT_TRUE(file.Write(0, AsBytes("3")));
  EXPECT_EQ(Seal(file).where, Where::kSpill);
  EXPECT_EQ(Read(file), "3wo");
}

TEST_F(StagingFileTest, WhatWasSealedStaysUntilTheNextIsSealed) {
  StagingFile file(store_, Content(), 0);
  ASSERT_TRUE(file.Write(0, AsBytes("before")));
  const Content before = Seal(file);
  ASSERT_TRUE(file.Truncate(0));
  ASSERT_TRUE(file.Write(0, AsBytes("after")));
  EXPECT_EQ(file.sealed(), before);
  EXPECT_EQ(AsText(*store_.View(before)), "before");
  EXPECT_EQ(Read(file), "after");
}

TEST_F(StagingFileTest, WhatIsNeverSealedLeavesNothingBehind) {
  const uint64_t end = store_.pages().pages().end();
  {
    StagingFile stream(store_, Content(), 0);
    ASSERT_TRUE(stream.Write(0, AsBytes(std::string(2 << 20, 'x'))));
    StagingFile spill(store_, Content(), 5);
    ASSERT_TRUE(spill.Write(0, AsBytes("x")));
    EXPECT_TRUE(std::filesystem::exists(store_.SpillPath(1)));
  }
  EXPECT_EQ(store_.pages().pages().end(), end);
  EXPECT_FALSE(std::filesystem::exists(store_.SpillPath(1)));
}

}  // namespace
}  // namespace betonfs
