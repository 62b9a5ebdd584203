// Opening, writing, closing, syncing.
#include <cerrno>
#include <filesystem>
#include <thread>

#include "core/staging_area.h"
#include "tests/support/staging.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::ContentsOf;
using test::Stage;
using test::TempDir;

class StagingBytesTest : public testing::Test {
 protected:
  StageIno Create(std::string_view name) {
    const auto made = area().Create(kStageRoot, name, 0644, /*exclusive=*/true);
    EXPECT_TRUE(made);
    return made ? made->ino : StageIno{0};
  }
  StagingArea& area() { return stage_.area(); }

  TempDir dir_;
  Stage stage_{dir_ / "out.beton"};
};

TEST_F(StagingBytesTest, WhatIsWrittenIsReadBeforeItIsClosed) {
  const StageIno ino = Create("file");
  ASSERT_TRUE(area().Write(ino, 0, AsBytes("abc")));
  ASSERT_TRUE(area().Write(ino, 5, AsBytes("def")));
  EXPECT_EQ(ContentsOf(area(), ino), std::string("abc\0\0def", 8));
  EXPECT_EQ(area().GetAttr(ino)->size_bytes, 8u);
}

TEST_F(StagingBytesTest, WhatWasNotClosedIsGoneAfterACrash) {
  StageIo io;
  StageOptions options;
  options.beton_path = dir_ / "other.beton";
  ResumeReport report;
  const auto dying = StagingArea::Open(io, options, report);
  ASSERT_TRUE(dying);
  const auto closed = (*dying)->Create(kStageRoot, "closed", 0644, true);
  ASSERT_TRUE((*dying)->Write(closed->ino, 0, AsBytes("kept")));
  ASSERT_TRUE((*dying)->Flush(closed->ino));
  ASSERT_TRUE((*dying)->Write(closed->ino, 0, AsBytes("LOST")));
  // A copy of the work area is what a daemon that died here would have left.
  std::filesystem::copy((*dying)->dir(), dir_ / "copy.beton.stage");
  Stage found(dir_ / "copy.beton");
  EXPECT_EQ(found.Contents("closed"), "kept");
}

TEST_F(StagingBytesTest, ExclusiveCreationRefusesWhatIsThere) {
  stage_.Put("file", "x");
  EXPECT_EQ(area().Create(kStageRoot, "file", 0644, true).error().sys_errno, EEXIST);
  const auto opened = area().Create(kStageRoot, "file", 0644, false);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->ino, stage_.Find("file"));
}

TEST_F(StagingBytesTest, TwoWritersOfOneFileSeeOneFile) {
  const StageIno ino = Create("file");
  ASSERT_TRUE(area().OpenForWriting(ino, false));
  ASSERT_TRUE(area().Write(ino, 0, AsBytes("first")));
  ASSERT_TRUE(area().Flush(ino));
  ASSERT_TRUE(area().Release(ino));
  ASSERT_TRUE(area().Write(ino, 5, AsBytes(" second")));  // the other one is still open
  ASSERT_TRUE(area().Flush(ino));
  ASSERT_TRUE(area().Release(ino));
  EXPECT_EQ(area().Write(ino, 0, AsBytes("x")).error().sys_errno, EBADF);
  stage_.Reopen();
  EXPECT_EQ(stage_.Contents("file"), "first second");
}

TEST_F(StagingBytesTest, RefusesWhatNoFileCanHold) {
  const StageIno ino = Create("file");
  EXPECT_EQ(area().Write(ino, uint64_t{1} << 62, AsBytes("x")).error().sys_errno, EFBIG);
  EXPECT_EQ(area().Write(ino, ~uint64_t{0}, AsBytes("x")).error().sys_errno, EFBIG);
  StageChanges changes;
  changes.size_bytes = uint64_t{1} << 50;
  EXPECT_EQ(area().SetAttr(ino, changes).error().sys_errno, EFBIG);
}

TEST_F(StagingBytesTest, CopiesARangeWithinTheMount) {
  stage_.Put("from", std::string(3'000'000, 'x') + "end");
  const StageIno to = Create("to");
  const auto copied = area().CopyRange(stage_.Find("from"), 1, to, 10, 1u << 30);
  ASSERT_TRUE(copied);
  EXPECT_EQ(*copied, 3'000'002u);
  ASSERT_TRUE(area().Flush(to));
  ASSERT_TRUE(area().Release(to));
  EXPECT_EQ(stage_.Contents("to"), std::string(10, '\0') + std::string(2'999'999, 'x') + "end");
}

TEST_F(StagingBytesTest, ThreadsCreateBesideEachOther) {
  constexpr int kThreads = 4, kFiles = 200;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread] {
      for (int i = 0; i < kFiles; ++i) {
        const std::string name = std::to_string(thread) + "-" + std::to_string(i);
        const auto made = area().Create(kStageRoot, name, 0644, true);
        ASSERT_TRUE(made);
        ASSERT_TRUE(area().Write(made->ino, 0, AsBytes(name)));
        ASSERT_TRUE(area().Flush(made->ino));
        ASSERT_TRUE(area().Release(made->ino));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stage_.Reopen();
  const auto all = stage_.Everything();
  ASSERT_EQ(all.size(), static_cast<size_t>(kThreads * kFiles));
  for (const auto& [name, contents] : all) EXPECT_EQ(contents, name);
}

}  // namespace
}  // namespace betonfs
