// The way from created files to a dataset.
#include "core/staging_commit.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/dataset.h"
#include "tests/support/faulty_io.h"
#include "tests/support/pictures.h"
#include "tests/support/staging.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::ReadFile;
using test::Stage;
using test::TempDir;

std::string PathIn(const TempDir& dir) { return dir / "out.beton"; }

// Every file of the dataset by its path.
std::map<std::string, std::string> FilesOf(const std::string& path) {
  std::map<std::string, std::string> files;
  const auto dataset = Dataset::Open(path);
  if (!dataset) {
    ADD_FAILURE() << dataset.error().message;
    return files;
  }
  const Field& field = (*dataset)->schema().payload_field(0);
  for (uint64_t i = 0; i < (*dataset)->num_samples(); ++i) {
    const auto payload = (*dataset)->PayloadOf(SampleIndex{i}, field);
    const auto name = (*dataset)->index()->PathOf(SampleIndex{i});
    EXPECT_TRUE(payload && name);
    if (payload && name) files[*name] = AsText(payload->bytes);
  }
  return files;
}

class StagingCommitTest : public testing::Test {
 protected:
  std::map<std::string, std::string> Stored() {
    const auto dataset = Dataset::Open(path_);
    EXPECT_TRUE(dataset);
    if (!dataset) return {};
    EXPECT_THAT((*dataset)->index()->VerifyAll(), testing::IsEmpty());
    return FilesOf(path_);
  }
  static CommitOptions Way(CommitOptions::Compact compact) {
    CommitOptions options;
    options.compact = compact;
    return options;
  }

  TempDir dir_;
  std::string path_ = PathIn(dir_);
  Stage stage_{path_};
};

using Files = std::map<std::string, std::string>;

TEST_F(StagingCommitTest, FilesBecomeSamples) {
  stage_.Put("a/one", "first");
  stage_.Put("b/two", "second");
  const CommitReport report = stage_.Commit();
  EXPECT_EQ(report.num_samples, 2u);
  EXPECT_THAT(report.classes, testing::ElementsAre("a", "b"));
  EXPECT_EQ(Stored(), (Files{{"a/one", "first"}, {"b/two", "second"}}));
  EXPECT_EQ(stage_.Contents("a/one"), "first");
}

TEST_F(StagingCommitTest, AddsToTheDatasetBefore) {
  stage_.Put("old", "kept");
  stage_.Put("gone", std::string(100, 'x'));
  stage_.Commit();
  stage_.Remove("gone");
  stage_.Put("new", "added");
  const CommitReport report = stage_.Commit(Way(CommitOptions::Compact::kNever));
  EXPECT_FALSE(report.rewritten);
  EXPECT_EQ(report.carried_bytes, 4u);
  EXPECT_EQ(Stored(), (Files{{"old", "kept"}, {"new", "added"}}));
}

TEST_F(StagingCommitTest, CompactsAboveAQuarterOfDeadBytes) {
  for (int i = 0; i < 10; ++i) stage_.Put(std::to_string(i), std::string(10'000, 'x'));
  stage_.Commit();
  stage_.Remove("0");
  stage_.Remove("1");
  EXPECT_FALSE(stage_.Commit().rewritten);  // two tenths
  stage_.Remove("2");
  const CommitReport report = stage_.Commit();  // three tenths
  EXPECT_TRUE(report.rewritten);
  EXPECT_EQ(report.dead_bytes, 30'000u);
  EXPECT_EQ(report.num_samples, 7u);
  EXPECT_EQ(stage_.Commit().dead_bytes, 0u);
}

// Neither the hole in front of the first page nor what pages are left with is anybody's bytes.
TEST_F(StagingCommitTest, RoomThatWasNeverUsedIsNotDead) {
  stage_.Put("small", "s");
  stage_.Commit();
  EXPECT_EQ(stage_.Commit().dead_bytes, 0u);
  for (int i = 0; i < 3; ++i) stage_.Put(std::to_string(i), std::string(10'000'000, 'x'), 1 << 20);
  stage_.Commit();
  const CommitReport report = stage_.Commit();
  EXPECT_EQ(report.dead_bytes, 0u);
  EXPECT_FALSE(report.rewritten);
}

TEST_F(StagingCommitTest, DeadBytesReadAsZeros) {
  stage_.Put("kept", "keep me");
  stage_.Put("secret", "remove me from the file");
  stage_.Commit();
  stage_.Remove("secret");
  EXPECT_GE(stage_.Commit(Way(CommitOptions::Compact::kNever)).dead_bytes, 23u);
  EXPECT_EQ(ReadFile(path_).find("remove me"), std::string::npos);
  EXPECT_EQ(Stored(), (Files{{"kept", "keep me"}}));
}

TEST_F(StagingCommitTest, ADryRunSaysWhatWouldHappenAndChangesNothing) {
  stage_.Put("file", "x");
  CommitOptions options;
  options.dry_run = true;
  const CommitReport report = stage_.Commit(options);
  EXPECT_TRUE(report.dry_run);
  EXPECT_EQ(report.num_samples, 1u);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_TRUE(stage_.area().HasChanges());
}

TEST_F(StagingCommitTest, RowsThatOutgrowTheHoleMoveThePagesInTheirWay) {
  StageOptions options;
  options.beton_path = dir_ / "small.beton";
  options.page_size_bytes = 4096;  // so is the hole: room for some 80 rows
  StageIo io;
  ResumeReport resumed;
  const auto area = StagingArea::Open(io, options, resumed);
  ASSERT_TRUE(area);
  Files expected;
  for (int i = 0; i < 500; ++i) {
    const std::string name = std::to_string(i);
    const auto made = (*area)->Create(kStageRoot, name, 0644, true);
    ASSERT_TRUE(made);
    ASSERT_TRUE((*area)->Write(made->ino, 0, AsBytes("contents of " + name)));
    ASSERT_TRUE((*area)->Flush(made->ino));
    ASSERT_TRUE((*area)->Release(made->ino));
    expected[name] = "contents of " + name;
  }
  CommitProgress progress;
  const auto report = StagingCommit::Run(**area, {}, progress);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(report->moved_bytes, 0u);
  EXPECT_LT(report->moved_bytes, report->payload_bytes);
  EXPECT_EQ(FilesOf(options.beton_path), expected);
  EXPECT_EQ(test::ContentsOf(**area, (*(*area)->Lookup(kStageRoot, "0"))->ino), "contents of 0");
}

TEST_F(StagingCommitTest, ASampleLargerThanThePageMakesThePagesLarger) {
  stage_.Put("small", "s");
  stage_.Put("large", std::string(20 << 20, 'l'));
  const CommitReport report = stage_.Commit();
  EXPECT_EQ(report.page_size_bytes, 32u << 20);
  EXPECT_THAT(report.oversize, testing::IsEmpty());
  EXPECT_EQ(Stored()["large"], std::string(20 << 20, 'l'));
}

TEST_F(StagingCommitTest, NamesWhatIsTooLargeForFfcvsPageCache) {
  stage_.Put("small", "s");
  stage_.Put("huge", std::string(65 << 20, 'h'), 1 << 20);
  EXPECT_THAT(stage_.Commit().oversize, testing::ElementsAre("huge"));
}

TEST_F(StagingCommitTest, JunkIsNamedLeftOutAndKeptInTheWorkArea) {
  stage_.Put("kept", "k");
  for (const char* name : {".DS_Store", "._kept", "Thumbs.db", ".nfs000123", ".kept.Ab3dE9"}) {
    stage_.Put(name, "junk");
  }
  stage_.Put(".config.locale", "somebody's file");
  const CommitReport report = stage_.Commit();
  EXPECT_EQ(report.skipped.size(), 5u);
  EXPECT_EQ(Stored(), (Files{{"kept", "k"}, {".config.locale", "somebody's file"}}));
  stage_.Reopen();
  EXPECT_EQ(stage_.Contents("._kept"), "junk");
}

TEST_F(StagingCommitTest, LinksBecomeCopiesOrAreNamed) {
  stage_.Put("d/file", "shared");
  const StageIno file = stage_.Find("d/file");
  ASSERT_TRUE(stage_.area().Link(file, kStageRoot, "hard"));
  for (const auto& [name, target] : Files{{"good", "d/../d/file"},
                                          {"chain", "good"},
                                          {"loop", "loop"},
                                          {"out", "../file"},
                                          {"absolute", "/etc/passwd"},
                                          {"directory", "d"}}) {
    ASSERT_TRUE(stage_.area().MakeSymlink(kStageRoot, name, target));
  }
  CommitOptions options;
  options.plan.labels.mode = LabelChoice::Mode::kNone;
  const CommitReport report = stage_.Commit(options);
  std::map<std::string, bool> followed;
  for (const PlannedLink& link : report.links) followed[link.path] = link.followed;
  EXPECT_EQ(followed, (std::map<std::string, bool>{{"hard", true},
                                                   {"good", true},
                                                   {"chain", true},
                                                   {"loop", false},
                                                   {"out", false},
                                                   {"absolute", false},
                                                   {"directory", false}}));
  EXPECT_EQ(
      Stored(),
      (Files{{"d/file", "shared"}, {"hard", "shared"}, {"good", "shared"}, {"chain", "shared"}}));
  const auto before = stage_.Everything();
  stage_.Reopen();  // links are links in the work area
  EXPECT_EQ(stage_.Everything(), before);
  EXPECT_EQ(stage_.Find("d/file"), stage_.Find("hard"));
}

TEST_F(StagingCommitTest, EmptyFilesAndEmptyDirectoriesAreStored) {
  stage_.Put("empty", "");
  stage_.Put("also empty", "");
  stage_.MakeDirectories("no/files/here");
  stage_.Commit();
  EXPECT_EQ(Stored(), (Files{{"empty", ""}, {"also empty", ""}}));
  stage_.Close();
  std::filesystem::remove_all(StagingArea::DirOf(path_));
  stage_.Reopen();
  EXPECT_NE(Number(stage_.Find("no/files/here")), 0u);
}

TEST_F(StagingCommitTest, AnOpenFileGoesOnAfterwards) {
  stage_.Put("file", "");
  const StageIno ino = stage_.Find("file");
  ASSERT_TRUE(stage_.area().OpenForWriting(ino, false));
  ASSERT_TRUE(stage_.area().Write(ino, 0, AsBytes("before")));
  stage_.Commit();
  EXPECT_EQ(Stored()["file"], "before");
  ASSERT_TRUE(stage_.area().Write(ino, 6, AsBytes(" and after")));
  ASSERT_TRUE(stage_.area().Flush(ino));
  ASSERT_TRUE(stage_.area().Release(ino));
  EXPECT_EQ(Stored()["file"], "before");
  stage_.Commit();
  EXPECT_EQ(Stored()["file"], "before and after");
}

TEST_F(StagingCommitTest, AnUnlinkedOpenFileSurvivesACommit) {
  stage_.Put("file", "still here");
  const auto known = stage_.area().Lookup(kStageRoot, "file");
  stage_.Remove("file");
  stage_.Put("other", "o");
  stage_.Commit();
  EXPECT_EQ(Stored(), (Files{{"other", "o"}}));
  EXPECT_EQ(test::ContentsOf(stage_.area(), (*known)->ino), "still here");
}

TEST_F(StagingCommitTest, PicturesBecomeImages) {
  stage_.Put("a/1.jpg", test::MakeJpeg(40, 30));
  stage_.Put("a/2.jpg", test::MakeJpeg(20, 10, 1));
  const CommitReport report = stage_.Commit();
  EXPECT_EQ(report.schema, "image");
  const auto dataset = Dataset::Open(path_);
  ASSERT_TRUE(dataset);
  const auto payload = (*dataset)->PayloadOf(SampleIndex{0}, (*dataset)->schema().payload_field(0));
  ASSERT_TRUE(payload);
  EXPECT_EQ(payload->width, 40);
  EXPECT_EQ(payload->height, 30);
}

TEST_F(StagingCommitTest, AMixedFolderIsNotDecidedSilently) {
  for (int i = 0; i < 5; ++i) stage_.Put(std::to_string(i) + ".jpg", test::MakeJpeg(8, 8));
  stage_.Put("notes.txt", "not a picture");
  CommitProgress progress;
  const auto refused = StagingCommit::Run(stage_.area(), {}, progress);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("notes.txt"));
  CommitOptions options;
  options.plan.skip_non_jpeg = true;
  const CommitReport report = stage_.Commit(options);
  EXPECT_EQ(report.num_samples, 5u);
  ASSERT_EQ(report.skipped.size(), 1u);
  EXPECT_EQ(report.skipped[0].path, "notes.txt");
}

TEST_F(StagingCommitTest, ShufflesTheSameWayForTheSameSeed) {
  const auto commit = [&](uint64_t seed) {
    CommitOptions options;
    options.shuffle_seed = seed;
    EXPECT_TRUE(stage_.Commit(options).rewritten);
    return ReadFile(path_);
  };
  for (int i = 0; i < 30; ++i) stage_.Put(std::to_string(i), std::to_string(i * i));
  const std::string first = commit(1);
  EXPECT_NE(commit(2), first);
  EXPECT_EQ(commit(1), first);
  EXPECT_EQ(Stored().size(), 30u);
}

TEST_F(StagingCommitTest, AFullDiskLeavesOldDatasetAndWorkAreaAsTheyWere) {
  test::FaultyIo io;
  Stage stage(dir_ / "full.beton", &io);
  stage.Put("one", "1");
  stage.Commit();
  stage.Put("two", "2");
  for (const auto way : {CommitOptions::Compact::kNever, CommitOptions::Compact::kAlways}) {
    io.SetFull(true);
    CommitProgress progress;
    const auto failed = StagingCommit::Run(stage.area(), Way(way), progress);
    io.SetFull(false);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().kind, ErrorKind::kNoSpace);
    EXPECT_EQ(FilesOf(dir_ / "full.beton"), (Files{{"one", "1"}}));
    EXPECT_EQ(stage.Everything(), (Files{{"one", "1"}, {"two", "2"}}));
  }
  stage.Reopen();
  stage.Commit();
  EXPECT_EQ(FilesOf(dir_ / "full.beton"), (Files{{"one", "1"}, {"two", "2"}}));
}

}  // namespace
}  // namespace betonfs
