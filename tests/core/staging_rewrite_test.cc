// Compaction and shuffling: commits that write every page anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/dataset.h"
#include "core/pack.h"
#include "core/staging_commit.h"
#include "tests/support/pictures.h"
#include "tests/support/staging.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::ReadFile;
using test::Stage;
using test::TempDir;
using testing::HasSubstr;

// What FFCV would see of a sample: where it lies and what it says.
struct Seen {
  std::string path;
  uint64_t offset;
  std::string contents;
  int width, height;
  int64_t label;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> SamplesOf(const std::string& path) {
  std::vector<Seen> samples;
  const auto dataset = Dataset::Open(path);
  if (!dataset) {
    ADD_FAILURE() << dataset.error().message;
    return samples;
  }
  EXPECT_THAT((*dataset)->index()->VerifyAll(), testing::IsEmpty());
  const Schema& schema = (*dataset)->schema();
  for (uint64_t i = 0; i < (*dataset)->num_samples(); ++i) {
    const SampleIndex sample{i};
    const auto payload = (*dataset)->PayloadOf(sample, schema.payload_field(0));
    const auto row = (*dataset)->Row(sample);
    const auto name = (*dataset)->index()->PathOf(sample);
    EXPECT_TRUE(payload && row && name);
    if (!payload || !row || !name) continue;
    const Field* label = schema.Find("label");
    samples.push_back({*name, payload->offset, std::string(AsText(payload->bytes)), payload->width,
                       payload->height, label ? ReadInt(*row, *label) : -1});
  }
  return samples;
}

class StagingRewriteTest : public testing::Test {
 protected:
  StagingRewriteTest() { compact_.compact = CommitOptions::Compact::kAlways; }

  // Flips the first byte of what the work area holds of `contents`.
  void Rot(const std::string& contents) {
    for (const auto& entry : std::filesystem::directory_iterator(stage_.area().dir())) {
      const size_t at = ReadFile(entry.path()).find(contents);
      if (!entry.path().filename().string().starts_with("pages.") || at == std::string::npos) {
        continue;
      }
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(at));
      file.put(static_cast<char>(contents[0] ^ 1));
      return;
    }
    ADD_FAILURE() << "no page holds " << contents;
  }

  TempDir dir_;
  std::string path_ = dir_ / "out.beton";
  Stage stage_{path_};
  CommitOptions compact_;
};

TEST_F(StagingRewriteTest, LaysSamplesOutAsPackWould) {
  const std::map<std::string, std::string> files = {{"cat/2.jpg", test::MakeJpeg(20, 10)},
                                                    {"cat/1.jpg", test::MakeJpeg(40, 30, 1)},
                                                    {"dog/1.jpg", test::MakeJpeg(8, 8)},
                                                    {"dog/sub/1.jpg", test::MakeJpeg(9, 9)}};
  for (const auto& [path, contents] : files) {
    stage_.Put(path, contents);
    dir_.Write("source/" + path, contents);
  }
  EXPECT_TRUE(stage_.Commit(compact_).rewritten);
  ASSERT_TRUE(Pack(dir_ / "source", dir_ / "packed.beton", {}));
  EXPECT_EQ(SamplesOf(path_), SamplesOf(dir_ / "packed.beton"));
}

TEST_F(StagingRewriteTest, TheWorkAreaGoesOnAfterwards) {
  stage_.Put("a", "first");
  stage_.Put("b", "second");
  stage_.Commit(compact_);
  EXPECT_EQ(stage_.Contents("a"), "first");
  stage_.Put("a", "rewritten");
  stage_.Put("c", "third");
  CommitOptions in_place;
  in_place.compact = CommitOptions::Compact::kNever;
  EXPECT_EQ(stage_.Commit(in_place).carried_bytes, 6u);
  std::map<std::string, std::string> stored;
  for (const Seen& sample : SamplesOf(path_)) stored[sample.path] = sample.contents;
  EXPECT_EQ(stored, stage_.Everything());
}

TEST_F(StagingRewriteTest, FilesWrittenAtRandomAndFurtherNamesGoTheSameWay) {
  stage_.Put("random", "0123456789");
  const StageIno ino = stage_.Find("random");
  ASSERT_TRUE(stage_.area().OpenForWriting(ino, false));
  ASSERT_TRUE(stage_.area().Write(ino, 8, AsBytes("XY")));
  ASSERT_TRUE(stage_.area().Write(ino, 2, AsBytes("xy")));
  ASSERT_TRUE(stage_.area().Flush(ino));
  ASSERT_TRUE(stage_.area().Release(ino));
  ASSERT_TRUE(stage_.area().Link(ino, kStageRoot, "second name"));
  stage_.Put("empty", "");
  stage_.Commit(compact_);
  std::map<std::string, std::string> stored;
  for (const Seen& sample : SamplesOf(path_)) stored[sample.path] = sample.contents;
  EXPECT_EQ(stored, (std::map<std::string, std::string>{
                        {"empty", ""}, {"random", "01xy4567XY"}, {"second name", "01xy4567XY"}}));
}

TEST_F(StagingRewriteTest, BytesThatRottedInTheWorkAreaAreNotPassedOnAsSound) {
  stage_.Put("good", "what was committed before");
  stage_.Commit();
  stage_.Put("d/bad", "these bytes will rot");
  Rot("these bytes will rot");
  compact_.plan.labels.mode = LabelChoice::Mode::kNone;
  CommitProgress progress;
  const auto failed = StagingCommit::Run(stage_.area(), compact_, progress);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kCorrupt);
  EXPECT_THAT(failed.error().message, HasSubstr("d/bad: read back with checksum"));
  ASSERT_EQ(SamplesOf(path_).size(), 1u);  // the dataset before is untouched
  EXPECT_FALSE(std::filesystem::exists(stage_.area().dir() + "/rewrite.new"));
  stage_.Put("d/bad", "written again");
  EXPECT_EQ(stage_.Commit(compact_).num_samples, 2u);
}

}  // namespace
}  // namespace betonfs
