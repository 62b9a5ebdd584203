#include "core/dataset_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/block_checks.h"
#include "core/dataset.h"
#include "core/sample_view.h"
#include "tests/support/synthetic_source.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::ReadFile;
using test::SyntheticOptions;
using test::SyntheticSource;
using test::TempDir;
using ::testing::ElementsAre;

// Zero-length, small, and larger than the work unit the tests use.
uint64_t MixedSize(uint64_t sample) {
  if (sample % 50 == 10) return 70'000;
  if (sample % 7 == 3) return 0;
  return sample * 37 % 1500;
}

DatasetOptions SmallUnits(unsigned num_threads = 2) {
  return {.page_size_bytes = 1 << 17,
          .write = {.num_threads = num_threads, .unit_size_bytes = 16 * 1024}};
}

std::string SyntheticContents(uint64_t sample, uint64_t size) {
  std::string contents(size, '\0');
  for (uint64_t i = 0; i < size; ++i) {
    contents[i] = static_cast<char>(test::SyntheticByte(sample, i));
  }
  return contents;
}

TEST(DatasetWriter, WhatIsWrittenIsReadBackByEveryDoor) {
  const TempDir dir;
  SyntheticSource source({.num_samples = 300, .num_directories = 7, .size_of = MixedSize});
  const auto written = WriteDataset(dir / "out.beton", source, SmallUnits());
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->file_size_bytes, std::filesystem::file_size(dir / "out.beton"));

  const auto dataset = *Dataset::Open(dir / "out.beton");
  ASSERT_NE(dataset->index(), nullptr)
      << (dataset->index_error() ? dataset->index_error()->message : "no index");
  EXPECT_TRUE(dataset->index()->VerifyAll().empty());
  EXPECT_TRUE(dataset->samples_ascend());
  for (uint64_t i = 0; i < 300; ++i) {
    const SampleIndex sample{i};
    const auto payload = dataset->PayloadOf(sample, dataset->schema().fields()[0]);
    ASSERT_TRUE(payload) << payload.error().message;
    ASSERT_TRUE(AsText(payload->bytes) == SyntheticContents(i, MixedSize(i))) << i;
    EXPECT_EQ(static_cast<uint64_t>(ReadInt(*dataset->Row(sample), dataset->schema().fields()[1])),
              source.DirectoryOf(i));
    EXPECT_EQ(*dataset->index()->PathOf(sample), source.PathOf(i));
    EXPECT_EQ(dataset->index()->SampleAt(sample)->xxh3, Xxh3(payload->bytes));
    EXPECT_EQ(dataset->index()->SampleAt(sample)->size_bytes, payload->bytes.size());
  }
}

TEST(DatasetWriter, TheBytesDoNotDependOnThreadsOrUnits) {
  const TempDir dir;
  SyntheticSource source({.num_samples = 300, .num_directories = 7, .size_of = MixedSize});
  DatasetOptions one_thread = SmallUnits(1);
  one_thread.write.unit_size_bytes = kMaxUnitSizeBytes;
  ASSERT_TRUE(WriteDataset(dir / "one", source, one_thread));
  ASSERT_TRUE(WriteDataset(dir / "eight", source, SmallUnits(8)));
  EXPECT_TRUE(ReadFile(dir / "one") == ReadFile(dir / "eight"));
}

TEST(DatasetWriter, NoSamplesAreADatasetToo) {
  const TempDir dir;
  SyntheticSource source({.num_samples = 0});
  const auto written = WriteDataset(dir / "out.beton", source, {});
  ASSERT_TRUE(written) << written.error().message;
  const auto dataset = *Dataset::Open(dir / "out.beton");
  EXPECT_EQ(dataset->num_samples(), 0u);
  ASSERT_NE(dataset->index(), nullptr);
  EXPECT_TRUE(dataset->index()->VerifyAll().empty());
}

TEST(DatasetWriter, ASampleLargerThanThePageIsNamed) {
  const TempDir dir;
  SyntheticSource source({.num_samples = 60, .size_of = MixedSize});
  DatasetOptions options = SmallUnits();
  options.page_size_bytes = 4096;
  const auto written = WriteDataset(dir / "out.beton", source, options);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_THAT(written->oversize_samples, ElementsAre(SampleIndex{10}));
  const auto dataset = *Dataset::Open(dir / "out.beton");
  const auto payload = dataset->PayloadOf(SampleIndex{10}, dataset->schema().fields()[0]);
  ASSERT_TRUE(payload);
  EXPECT_EQ(payload->offset % 4096, 0u);
  EXPECT_TRUE(AsText(payload->bytes) == SyntheticContents(10, 70'000));
}

TEST(DatasetWriter, AFailingSourceLeavesTheOldFileAndTellsTheFirstSample) {
  const TempDir dir;
  dir.Write("out.beton", "old");
  SyntheticSource source({.num_samples = 300, .check = [](uint64_t sample) -> Status {
                            if (sample < 200) return {};
                            return Fail(ErrorKind::kChanged, "sample " + std::to_string(sample));
                          }});
  DatasetOptions options = SmallUnits(1);
  options.existing = ReplacementFile::Existing::kReplace;
  const auto written = WriteDataset(dir / "out.beton", source, options);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::kChanged);
  EXPECT_EQ(written.error().message, "sample 200");
  EXPECT_EQ(ReadFile(dir / "out.beton"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1)
      << "nothing else is left";
}

TEST(DatasetWriter, AnExistingFileIsReplacedOnlyOnRequest) {
  const TempDir dir;
  dir.Write("out.beton", "old");
  SyntheticSource source({.num_samples = 3});
  EXPECT_EQ(WriteDataset(dir / "out.beton", source, {}).error().kind, ErrorKind::kExists);
  ASSERT_TRUE(
      WriteDataset(dir / "out.beton", source, {.existing = ReplacementFile::Existing::kReplace}));
  EXPECT_TRUE(Dataset::Open(dir / "out.beton"));
}

TEST(DatasetWriter, CancellingLeavesNothing) {
  const TempDir dir;
  std::atomic<bool> cancel{false};
  SyntheticSource source({.num_samples = 3000,
                          .size_of = [](uint64_t) { return uint64_t{4000}; },
                          .check = [&](uint64_t sample) -> Status {
                            if (sample == 20) cancel = true;
                            return {};
                          }});
  DatasetOptions options = SmallUnits();
  options.write.cancel = &cancel;
  const auto written = WriteDataset(dir / "out.beton", source, options);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::kCancelled);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(DatasetWriter, ProgressEndsAtTheWhole) {
  const TempDir dir;
  std::atomic<uint64_t> samples{0}, bytes{0};
  SyntheticSource source({.num_samples = 300, .size_of = MixedSize});
  DatasetOptions options = SmallUnits();
  options.write.on_progress = [&](uint64_t more_samples, uint64_t more_bytes) {
    samples += more_samples;
    bytes += more_bytes;
  };
  const auto written = WriteDataset(dir / "out.beton", source, options);
  ASSERT_TRUE(written);
  EXPECT_EQ(samples, 300u);
  EXPECT_EQ(bytes, written->payload_bytes);
}

}  // namespace
}  // namespace betonfs
