#include "core/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "core/check.h"
#include "core/dataset.h"
#include "tests/support/pictures.h"
#include "tests/support/tar_file.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::MakeJpeg;
using test::TarFile;
using test::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImportTest : public ::testing::Test {
 protected:
  // Imports, opens, and finds nothing to complain about.
  ImportReport ImportOrDie(const std::string& source, const ImportOptions& options = {}) {
    auto report = Import({source}, out_, options);
    if (!report) {
      ADD_FAILURE() << report.error().message;
      return {};
    }
    dataset_ = *Dataset::Open(out_);
    EXPECT_EQ(Check(*dataset_, {.num_threads = 1})->num_findings, 0u);
    return *report;
  }
  std::string PayloadOf(uint64_t sample, const char* field) {
    const auto payload = dataset_->PayloadOf(SampleIndex{sample}, *dataset_->schema().Find(field));
    EXPECT_TRUE(payload) << payload.error().message;
    return payload ? std::string(AsText(payload->bytes)) : "";
  }

  const TempDir dir_;
  const std::string out_ = dir_ / "out.beton";
  std::unique_ptr<Dataset> dataset_;
};

TEST_F(ImportTest, AShardBecomesADatasetWithItsNames) {
  const std::string jpeg = MakeJpeg(31, 17);
  const auto report = ImportOrDie(dir_.Write(
      "s.tar",
      TarFile().Add("d/1.jpg", jpeg).Add("d/1.json", "{\"a\": 1}").Add("d/1.cls", "4").Build()));
  EXPECT_THAT(report.fields, ElementsAre("image: image", "label: int", "json: json"));
  EXPECT_EQ(*dataset_->index()->PathOf(SampleIndex{0}), "d/1.jpg");
  EXPECT_EQ(PayloadOf(0, "image"), jpeg);
  EXPECT_EQ(PayloadOf(0, "json"), std::string("{\"a\": 1}\0", 9));
  EXPECT_EQ(dataset_->PayloadOf(SampleIndex{0}, *dataset_->schema().Find("image"))->width, 31);
}

TEST_F(ImportTest, APngBecomesPixels) {
  const std::string png = test::MakePng(5, 3, test::PngColor::kRgb);
  ImportOrDie(dir_.Write("s.tar", TarFile().Add("1.png", png).Build()));
  EXPECT_EQ(PayloadOf(0, "image").size(), 5u * 3 * 3);
  EXPECT_EQ(dataset_->index()->SampleAt(SampleIndex{0})->raw_view, RawView::kPng);
}

TEST_F(ImportTest, WhatIsNoPictureIsNamed) {
  const auto report =
      Import({dir_.Write("s.tar", TarFile().Add("d/1.jpg", "no JPEG").Build())}, out_, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_THAT(report.error().message, HasSubstr("d/1.jpg is neither a JPEG"));
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(ImportTest, LayoutIsAsAsked) {
  TarFile shard;
  for (int i = 0; i < 40; ++i) {
    const std::string key = std::to_string(i);
    shard.Add(key + ".txt", std::string(500, 'x')).Add(key + ".cls", key);
  }
  const std::string path = dir_.Write("s.tar", shard.Build());
  ImportOptions options;
  options.dataset.page_size_bytes = 8192;
  options.dataset.align_bytes = 64;
  options.dataset.existing = ReplacementFile::Existing::kReplace;
  options.shuffle_seed = 3;
  const auto report = ImportOrDie(path, options);
  EXPECT_EQ(report.written.page_size_bytes, 8192u);
  std::vector<std::string> names;
  for (uint64_t i = 0; i < 40; ++i) {
    const auto payload = dataset_->PayloadOf(SampleIndex{i}, *dataset_->schema().Find("txt"));
    EXPECT_EQ(payload->offset % 64, 0u);
    names.push_back(*dataset_->index()->PathOf(SampleIndex{i}));
    const auto label = ReadInt(*dataset_->Row(SampleIndex{i}), *dataset_->schema().Find("label"));
    EXPECT_EQ(names.back(), std::to_string(label) + ".txt");
  }
  EXPECT_FALSE(std::is_sorted(names.begin(), names.end()));
  const std::string bytes = test::ReadFile(out_);
  ImportOrDie(path, options);
  EXPECT_TRUE(bytes == test::ReadFile(out_)) << "one seed, one file";
}

TEST_F(ImportTest, SamplesLargerThanAPageAreNamed) {
  ImportOptions options;
  options.dataset.page_size_bytes = 4096;
  const auto report = ImportOrDie(
      dir_.Write("s.tar",
                 TarFile().Add("1.txt", "small").Add("2.txt", std::string(9000, 'l')).Build()),
      options);
  EXPECT_THAT(report.oversize_names, ElementsAre("2.txt"));
}

TEST_F(ImportTest, AManifestNamesFilesBesideIt) {
  dir_.Write("pictures/a.jpg", MakeJpeg(8, 8));
  dir_.Write("pictures/b.jpg", MakeJpeg(9, 8));
  const auto report =
      ImportOrDie(dir_.Write("m.csv", "file_name,label\npictures/a.jpg,dog\npictures/b.jpg,cat\n"));
  EXPECT_THAT(report.classes, ElementsAre("cat", "dog"));
  EXPECT_EQ(*dataset_->index()->PathOf(SampleIndex{1}), "pictures/b.jpg");
}

TEST_F(ImportTest, NamesThatLeaveTheTreeAreRefused) {
  dir_.Write("a", "x");
  for (const std::string& name : {dir_ / "a", std::string("d/../a")}) {
    std::filesystem::create_directories(dir_ / "d");
    const auto report = Import({dir_.Write("m.csv", "file_name\n" + name + "\n")}, out_, {});
    ASSERT_FALSE(report) << name;
    EXPECT_EQ(report.error().kind, ErrorKind::kInvalidArgument) << report.error().message;
  }
}

TEST_F(ImportTest, OtherSourcesAreRefused) {
  EXPECT_THAT(Import({dir_.Write("x.zip", "")}, out_, {}).error().message,
              HasSubstr("expected .tar shards"));
  EXPECT_THAT(Import({dir_.Write("e.tar", TarFile().Build())}, out_, {}).error().message,
              HasSubstr("there are no samples in it"));
}

TEST_F(ImportTest, CancellingLeavesNothing) {
  const std::atomic<bool> cancel{true};
  ImportOptions options;
  options.dataset.write.cancel = &cancel;
  const auto report =
      Import({dir_.Write("s.tar", TarFile().Add("1.txt", "x").Build())}, out_, options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kCancelled);
  EXPECT_FALSE(std::filesystem::exists(out_));
}

}  // namespace
}  // namespace betonfs
