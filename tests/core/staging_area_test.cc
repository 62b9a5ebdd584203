// Names and attributes of a work area, and how long things live.
#include "core/staging_area.h"

#include <cerrno>
#include <filesystem>

#include "tests/support/staging.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::Stage;
using test::TempDir;

class StagingAreaTest : public testing::Test {
 protected:
  template <class T>
  static int ErrnoOf(const Result<T>& result) {
    return result ? 0 : result.error().sys_errno;
  }

  TempDir dir_;
  std::string path_ = dir_ / "out.beton";
  Stage stage_{path_};
};

TEST_F(StagingAreaTest, KeepsASecondOneOut) {
  StageIo io;
  ResumeReport report;
  StageOptions options;
  options.beton_path = path_;
  const auto second = StagingArea::Open(io, options, report);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kBusy);
  EXPECT_EQ(StagingArea::Discard(path_).error().kind, ErrorKind::kBusy);
}

TEST_F(StagingAreaTest, ModesAndTimesAreThoseThatWereSetAfterARestartToo) {
  stage_.Put("dir/file", "x");
  StageChanges changes;
  changes.mode = 0640;
  changes.mtime = Timestamp{77, 123'456'789};
  ASSERT_TRUE(stage_.area().SetAttr(stage_.Find("dir/file"), changes));
  ASSERT_TRUE(stage_.area().SetAttr(stage_.Find("dir"), changes));
  stage_.Reopen();
  for (const char* path : {"dir", "dir/file"}) {
    const auto attr = stage_.area().GetAttr(stage_.Find(path));
    ASSERT_TRUE(attr);
    EXPECT_EQ(attr->mode, 0640) << path;
    EXPECT_EQ(attr->mtime, *changes.mtime) << path;
  }
}

TEST_F(StagingAreaTest, AFileWithoutANameLivesWhileItIsKnown) {
  stage_.Put("file", "contents");
  const auto known = stage_.area().Lookup(kStageRoot, "file");
  ASSERT_TRUE(known && *known);
  const StageIno ino = (*known)->ino;
  stage_.Remove("file");
  EXPECT_EQ(stage_.area().GetAttr(ino)->nlink, 0u);
  EXPECT_EQ(test::ContentsOf(stage_.area(), ino), "contents");
  stage_.area().Forget(ino, 1);
  EXPECT_EQ(ErrnoOf(stage_.area().GetAttr(ino)), ESTALE);
}

TEST_F(StagingAreaTest, LinksAreOneFileAfterARestart) {
  stage_.Put("one", "shared");
  ASSERT_TRUE(stage_.area().Link(stage_.Find("one"), kStageRoot, "two"));
  stage_.Reopen();
  EXPECT_EQ(stage_.Find("one"), stage_.Find("two"));
  EXPECT_EQ(stage_.area().GetAttr(stage_.Find("two"))->nlink, 2u);
}

TEST_F(StagingAreaTest, ARenameReplacesUnlessItMayNot) {
  stage_.Put("from", "new");
  stage_.Put("to", "old");
  EXPECT_EQ(ErrnoOf(stage_.area().Rename(kStageRoot, "from", kStageRoot, "to", false)), EEXIST);
  ASSERT_TRUE(stage_.area().Rename(kStageRoot, "from", kStageRoot, "to", true));
  stage_.Reopen();
  EXPECT_EQ(stage_.Contents("to"), "new");
  EXPECT_EQ(Number(stage_.Find("from")), 0u);
}

TEST_F(StagingAreaTest, ListsEveryNameOnceThoughOthersGo) {
  for (const char* name : {"a", "b", "c", "d"}) stage_.Put(name, name);
  const auto ids = stage_.area().List(kStageRoot);
  ASSERT_TRUE(ids);
  stage_.Remove("b");
  std::string listed;
  for (const uint32_t id : *ids) {
    if (const auto child = stage_.area().ChildOf(kStageRoot, id, false)) listed += child->name;
  }
  std::sort(listed.begin(), listed.end());
  EXPECT_EQ(listed, "acd");
}

TEST_F(StagingAreaTest, CountsWhatIsDead) {
  stage_.Put("file", std::string(5000, 'a'));
  EXPECT_EQ(stage_.area().Figures().dead_bytes, 0u);
  stage_.Put("file", std::string(3000, 'b'));
  EXPECT_EQ(stage_.area().Figures().dead_bytes, 5000u);
  stage_.Remove("file");
  const StageStatus figures = stage_.area().Figures();
  EXPECT_EQ(figures.dead_bytes, 8000u);
  EXPECT_EQ(figures.num_files, 0u);
  EXPECT_GT(figures.num_changes, 0u);
}

TEST(StagingArea, AWorkAreaWithNothingInItGoesWhenItIsClosed) {
  TempDir dir;
  StageIo io;
  StageOptions options;
  options.beton_path = dir / "out.beton";
  ResumeReport report;
  auto area = StagingArea::Open(io, options, report);
  ASSERT_TRUE(area);
  EXPECT_TRUE(std::filesystem::exists(StagingArea::DirOf(options.beton_path)));
  ASSERT_TRUE(StagingArea::Close(std::move(*area)));
  EXPECT_FALSE(std::filesystem::exists(StagingArea::DirOf(options.beton_path)));
}

TEST(StagingArea, OneThatIsNotThereIsNotMadeUnlessItMay) {
  TempDir dir;
  StageIo io;
  StageOptions options;
  options.beton_path = dir / "out.beton";
  options.may_create = false;
  ResumeReport report;
  const auto area = StagingArea::Open(io, options, report);
  ASSERT_FALSE(area);
  EXPECT_EQ(area.error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace betonfs
