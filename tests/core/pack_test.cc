#include "core/pack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "core/block_checks.h"
#include "core/dataset.h"
#include "core/sample_view.h"
#include "tests/support/pictures.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

namespace fs = std::filesystem;
using test::MakeJpeg;
using test::MakePng;
using test::PngColor;
using test::ReadFile;
using test::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PackTest : public ::testing::Test {
 protected:
  // Packs source_ and opens the result.
  PackReport PackOrDie(const PackOptions& options = {}) {
    fs::remove(target_);
    auto report = Pack(source_.path(), target_, options);
    if (!report) {
      ADD_FAILURE() << report.error().message;
      return {};
    }
    dataset_ = *Dataset::Open(target_);
    EXPECT_NE(dataset_->index(), nullptr);
    EXPECT_TRUE(dataset_->index()->VerifyAll().empty());
    return *std::move(report);
  }

  Error PackError(const PackOptions& options = {}) {
    const auto report = Pack(source_.path(), target_, options);
    EXPECT_FALSE(report);
    EXPECT_FALSE(fs::exists(target_));
    return report ? Error{} : report.error();
  }

  SampleIndex SampleOf(const std::string& path) const {
    const auto entry = *dataset_->index()->Resolve(path);
    EXPECT_TRUE(entry) << path;
    return dataset_->index()->EntryAt(*entry)->sample();
  }

  // The file as a mount shows it.
  std::string ContentsOf(const std::string& path) const {
    const SampleIndex sample = SampleOf(path);
    const SampleRecord record = *dataset_->index()->SampleAt(sample);
    const auto contents = SampleViewer(*dataset_).Contents(sample, 0, record.raw_view);
    EXPECT_TRUE(contents) << contents.error().message;
    std::string text(AsText(contents->header()));
    text += AsText(contents->payload());
    EXPECT_EQ(text.size(), record.size_bytes);
    return text;
  }

  int64_t LabelOf(const std::string& path) const {
    return ReadInt(*dataset_->Row(SampleOf(path)), *dataset_->schema().Find("label"));
  }

  std::vector<std::string> PathsBySample() const {
    std::vector<std::string> paths;
    for (uint64_t i = 0; i < dataset_->num_samples(); ++i) {
      paths.push_back(*dataset_->index()->PathOf(SampleIndex{i}));
    }
    return paths;
  }

  void WriteJpegs(int num_classes, int per_class) {
    for (int c = 0; c < num_classes; ++c) {
      for (int i = 0; i < per_class; ++i) {
        source_.Write(
            "class" + std::to_string(c) + "/" + std::to_string(i) + ".jpg",
            MakeJpeg(10 + i, 10 + c, i % 3 == 0 ? 1 : 3, static_cast<unsigned>(c * 100 + i)));
      }
    }
  }

  const TempDir source_;
  const TempDir out_;
  const std::string target_ = out_ / "out.beton";
  std::unique_ptr<Dataset> dataset_;
};

TEST_F(PackTest, JpegsInClassFoldersBecomeImagesWithLabels) {
  WriteJpegs(3, 7);
  const PackReport report = PackOrDie();
  EXPECT_EQ(report.num_files, 21u);
  EXPECT_EQ(report.num_jpegs, 21u);
  EXPECT_THAT(report.classes, ElementsAre("class0", "class1", "class2"));
  const Schema& schema = dataset_->schema();
  ASSERT_EQ(schema.fields().size(), 2u);
  EXPECT_EQ(schema.fields()[0].type, FieldType::kRgbImage);
  EXPECT_EQ(schema.fields()[0].name, "image");
  for (int c = 0; c < 3; ++c) {
    for (int i = 0; i < 7; ++i) {
      const std::string path = "class" + std::to_string(c) + "/" + std::to_string(i) + ".jpg";
      EXPECT_TRUE(ContentsOf(path) == ReadFile(source_ / path)) << path;
      EXPECT_EQ(LabelOf(path), c);
      const Payload payload = *dataset_->PayloadOf(SampleOf(path), schema.fields()[0]);
      EXPECT_TRUE(payload.is_jpeg);
      EXPECT_EQ(payload.width, 10 + i);
      EXPECT_EQ(payload.height, 10 + c);
    }
  }
}

TEST_F(PackTest, AnyOtherFolderBecomesBytes) {
  source_.Write("a b/new\nline", "text");
  source_.Write("a b/empty", "");
  source_.Write("\xff/x.jpg", "no jpeg");
  fs::create_directories(source_ / "hollow/deep");
  const PackReport report = PackOrDie();
  EXPECT_EQ(report.kind, SchemaKind::kBytes);
  EXPECT_THAT(report.classes, ElementsAre("a b", "hollow", "\xff"));
  EXPECT_EQ(ContentsOf("a b/new\nline"), "text");
  EXPECT_EQ(ContentsOf("a b/empty"), "");
  EXPECT_EQ(ContentsOf("\xff/x.jpg"), "no jpeg");
  EXPECT_EQ(LabelOf("\xff/x.jpg"), 2);
  EXPECT_TRUE(*dataset_->index()->Resolve("hollow/deep"));
}

TEST_F(PackTest, AnEmptyFolderIsADatasetOfNothing) {
  EXPECT_EQ(PackOrDie().num_files, 0u);
  EXPECT_EQ(dataset_->num_samples(), 0u);
}

TEST_F(PackTest, ContentsDecideAndNotNames) {
  source_.Write("a.jpg", "none of these is a JPEG");
  source_.Write("b.jpg", "whatever the name");
  EXPECT_EQ(PackOrDie().kind, SchemaKind::kBytes);
  EXPECT_EQ(ContentsOf("b.jpg"), "whatever the name");

  source_.Write("a.jpg", MakeJpeg(4, 4));
  source_.Write("b.jpg", MakeJpeg(4, 4));
  fs::rename(source_ / "a.jpg", source_ / "a");
  fs::rename(source_ / "b.jpg", source_ / "b");
  EXPECT_EQ(PackOrDie().kind, SchemaKind::kImage) << "JPEGs by no name";
}

TEST_F(PackTest, AMostlyJpegFolderWithExceptionsStops) {
  WriteJpegs(1, 5);
  source_.Write("class0/Thumbs.db", "x");
  source_.Write("class0/cmyk.jpg", MakeJpeg(4, 4, 4));
  const Error error = PackError();
  EXPECT_EQ(error.kind, ErrorKind::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("5 of 7 files are JPEGs"));
  EXPECT_THAT(error.message, HasSubstr("class0/Thumbs.db"));
  EXPECT_THAT(error.message, HasSubstr("class0/cmyk.jpg"));

  EXPECT_EQ(PackOrDie({.as = PackAs::kBytes}).num_files, 7u);
  const PackReport skipped = PackOrDie({.skip_non_jpeg = true});
  EXPECT_EQ(skipped.num_files, 5u);
  EXPECT_THAT(skipped.left_out, ElementsAre("class0/Thumbs.db", "class0/cmyk.jpg"));
}

TEST_F(PackTest, LeftOutFilesDoNotStandInTheWayOfLabels) {
  WriteJpegs(2, 2);
  source_.Write("README.txt", "at the root");
  EXPECT_TRUE(PackOrDie({.skip_non_jpeg = true}).has_labels);
}

TEST_F(PackTest, AsImageStoresPngsAsPixelsThatStillReadAsPngs) {
  source_.Write("a/photo.jpg", MakeJpeg(9, 8));
  source_.Write("a/alpha.png", MakePng(40, 30, PngColor::kRgba, 3));
  source_.Write("b/large.png", MakePng(900, 700, PngColor::kGrey16, 4, true));
  const PackReport report = PackOrDie({.as = PackAs::kImage});
  EXPECT_EQ(report.num_jpegs, 1u);
  EXPECT_EQ(report.num_pngs, 2u);
  EXPECT_EQ(report.num_pngs_without_alpha, 1u);
  EXPECT_EQ(report.num_pngs_scaled_to_8_bit, 1u);
  const Payload pixels =
      *dataset_->PayloadOf(SampleOf("a/alpha.png"), dataset_->schema().fields()[0]);
  EXPECT_FALSE(pixels.is_jpeg);
  ASSERT_EQ(pixels.bytes.size(), 40u * 30 * 3);
  const test::Rgb8 expected = test::PngPixel(3, 5, 2);
  EXPECT_EQ(static_cast<uint8_t>(pixels.bytes[3 * (2 * 40 + 5)]), expected.red);
  EXPECT_EQ(static_cast<uint8_t>(pixels.bytes[3 * (2 * 40 + 5) + 2]), expected.blue);
  EXPECT_EQ(dataset_->index()->SampleAt(SampleOf("a/alpha.png"))->xxh3, Xxh3(pixels.bytes));
  EXPECT_THAT(ContentsOf("a/alpha.png"), ::testing::StartsWith("\x89PNG"));
  EXPECT_THAT(ContentsOf("b/large.png"), ::testing::StartsWith("\x89PNG"));
  EXPECT_TRUE(ContentsOf("a/photo.jpg") == ReadFile(source_ / "a/photo.jpg"));
}

TEST_F(PackTest, AsImageRefusesWhatIsNoImage) {
  source_.Write("a.png", MakePng(4, 4, PngColor::kRgb));
  source_.Write("b.txt", "x");
  EXPECT_THAT(PackError({.as = PackAs::kImage}).message, HasSubstr("'b.txt' (no JPEG)"));
}

TEST_F(PackTest, ADamagedPngIsNamed) {
  source_.Write("a.png", MakePng(40, 40, PngColor::kRgb).substr(0, 100));
  EXPECT_THAT(PackError({.as = PackAs::kImage}).message, HasSubstr("a.png"));
}

TEST_F(PackTest, AHeaderLongerThanAWorkUnitIsFound) {
  source_.Write("a.jpg", MakeJpeg(21, 12, 3, 1, 3 << 20));
  EXPECT_EQ(PackOrDie().kind, SchemaKind::kImage);
  EXPECT_EQ(dataset_->PayloadOf(SampleIndex{0}, dataset_->schema().fields()[0])->width, 21);
  EXPECT_TRUE(ContentsOf("a.jpg") == ReadFile(source_ / "a.jpg"));
}

TEST_F(PackTest, ModesAndTimesAreKept) {
  source_.Write("d/f", "x");
  chmod((source_ / "d/f").c_str(), 0604);
  const timespec times[2] = {{1, 2}, {1'500'000'000, 123'456'789}};
  utimensat(AT_FDCWD, (source_ / "d/f").c_str(), times, 0);
  chmod((source_ / "d").c_str(), 0711);
  utimensat(AT_FDCWD, (source_ / "d").c_str(), times, 0);
  PackOrDie();
  const SampleRecord record = *dataset_->index()->SampleAt(SampleIndex{0});
  EXPECT_EQ(record.mode, 0604);
  EXPECT_EQ(record.mtime_s, 1'500'000'000);
  EXPECT_EQ(record.mtime_ns, 123'456'789u);
  const Directory directory = *dataset_->index()->DirectoryAt(DirIndex{1});
  EXPECT_EQ(directory.mode, 0711);
  EXPECT_EQ(directory.mtime_s, 1'500'000'000);
}

TEST_F(PackTest, TheSameFolderGivesTheSameBytesAtAnyThreadCount) {
  WriteJpegs(5, 40);
  for (const auto seed : {std::optional<uint64_t>(), std::optional<uint64_t>(7)}) {
    PackOrDie({.shuffle_seed = seed, .num_threads = 1});
    const std::string one = ReadFile(target_);
    PackOrDie({.shuffle_seed = seed, .num_threads = 7});
    EXPECT_TRUE(one == ReadFile(target_));
  }
}

TEST_F(PackTest, ShuffleDecidesThePlaceAndNothingElse) {
  WriteJpegs(4, 25);
  PackOrDie();
  const auto sorted = PathsBySample();
  EXPECT_TRUE(std::is_sorted(sorted.begin(), sorted.end()));
  PackOrDie({.shuffle_seed = 1});
  const auto shuffled = PathsBySample();
  EXPECT_NE(sorted, shuffled);
  EXPECT_TRUE(std::is_permutation(sorted.begin(), sorted.end(), shuffled.begin()));
  std::set<int64_t> first_labels;
  for (int i = 0; i < 20; ++i) first_labels.insert(LabelOf(shuffled[static_cast<size_t>(i)]));
  EXPECT_EQ(first_labels.size(), 4u) << "classes are mixed";
  EXPECT_TRUE(ContentsOf("class1/3.jpg") == ReadFile(source_ / "class1/3.jpg"));
  PackOrDie({.shuffle_seed = 2});
  EXPECT_NE(PathsBySample(), shuffled);
}

TEST_F(PackTest, AlignMovesPayloadsAndKeepsTheirSizes) {
  WriteJpegs(2, 5);
  PackOrDie({.align_bytes = 4096});
  for (uint64_t i = 0; i < 10; ++i) {
    const auto payload = *dataset_->PayloadOf(SampleIndex{i}, dataset_->schema().fields()[0]);
    EXPECT_EQ(payload.offset % 4096, 0u);
    EXPECT_EQ(payload.bytes.size(), dataset_->index()->SampleAt(SampleIndex{i})->size_bytes);
  }
}

TEST_F(PackTest, AFileLargerThanThePageIsNamed) {
  source_.Write("large", std::string(10'000, 'x'));
  source_.Write("small", "x");
  const PackReport report = PackOrDie({.page_size_bytes = 4096});
  EXPECT_THAT(report.oversize_paths, ElementsAre("large"));
  EXPECT_EQ(ContentsOf("large"), std::string(10'000, 'x'));
}

TEST_F(PackTest, TheTargetMayLieInTheFolderAndIsLeftOut) {
  source_.Write("a", "x");
  const std::string target = source_ / "out.beton";
  ASSERT_TRUE(Pack(source_.path(), target, {}));
  EXPECT_EQ(Pack(source_.path(), target, {}).error().kind, ErrorKind::kExists);
  const auto again =
      Pack(source_.path(), target, {.existing = ReplacementFile::Existing::kReplace});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->num_files, 1u);
  ASSERT_EQ(again->skipped.size(), 1u);
  EXPECT_EQ(again->skipped[0].reason, SkipReason::kOutput);
}

TEST_F(PackTest, AFileThatGrewIsNamedAndPackedAgain) {
  const std::string path = source_.Write("a", "short");
  PackOptions options;
  int attempts = 0;
  options.on_planned = [&](uint64_t, uint64_t) {
    if (++attempts == 1) std::ofstream(path, std::ios::app) << " and now longer";
  };
  const PackReport report = PackOrDie(options);
  EXPECT_EQ(attempts, 2);
  ASSERT_EQ(report.warnings.size(), 1u);
  EXPECT_THAT(report.warnings[0], HasSubstr(path + " is longer now"));
  EXPECT_EQ(ContentsOf("a"), "short and now longer");
}

TEST_F(PackTest, AFileThatVanishedIsPackedWithout) {
  const std::string path = source_.Write("a", "x");
  source_.Write("b", "y");
  PackOptions options;
  options.on_planned = [&](uint64_t, uint64_t) { fs::remove(path); };
  EXPECT_EQ(PackOrDie(options).num_files, 1u);
}

TEST_F(PackTest, AFileThatNeverHoldsStillIsRefused) {
  const std::string path = source_.Write("a", "long enough to be cut again and again");
  PackOptions options;
  int attempts = 0;
  options.on_planned = [&](uint64_t, uint64_t) {
    fs::resize_file(path, static_cast<uint64_t>(20 - 3 * ++attempts));
  };
  const Error error = PackError(options);
  EXPECT_EQ(error.kind, ErrorKind::kChanged);
  EXPECT_THAT(error.message, HasSubstr(path + " is shorter now"));
  EXPECT_EQ(attempts, 3);
}

TEST_F(PackTest, WhatBecameAFifoDoesNotHangThePack) {
  const std::string path = source_.Write("a", "x");
  PackOptions options;
  options.on_planned = [&](uint64_t, uint64_t) {
    fs::remove(path);
    mkfifo(path.c_str(), 0600);
  };
  const PackReport report = PackOrDie(options);
  EXPECT_EQ(report.num_files, 0u);
  EXPECT_EQ(report.skipped.size(), 1u);
}

TEST_F(PackTest, CancellingLeavesNothing) {
  source_.Write("a", "x");
  std::atomic<bool> cancel{false};
  PackOptions options{.cancel = &cancel};
  options.on_planned = [&](uint64_t, uint64_t) { cancel = true; };
  EXPECT_EQ(PackError(options).kind, ErrorKind::kCancelled);
  EXPECT_TRUE(fs::is_empty(out_.path()));
}

TEST_F(PackTest, ManyDirectoriesAreOpenedAsNeeded) {
  for (int i = 0; i < 200; ++i) source_.Write("d" + std::to_string(i) + "/e/f", std::to_string(i));
  PackOrDie({.shuffle_seed = 3, .num_threads = 2});
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(ContentsOf("d" + std::to_string(i) + "/e/f"), std::to_string(i));
  }
}

}  // namespace
}  // namespace betonfs
