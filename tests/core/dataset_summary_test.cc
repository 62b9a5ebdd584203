#include "core/dataset_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/paths.h"

namespace betonfs::test {
namespace {

class DatasetSummaryTest : public testing::Test {
 protected:
  // A file written by FFCV.
  DatasetSummary OfFixture(const std::string& name) {
    const auto dataset = Dataset::Open(*FixturesDir() + "/" + name + ".beton");
    EXPECT_TRUE(dataset) << dataset.error().message;
    return Summarize(**dataset);
  }

  void SetUp() override {
    if (!FixturesDir()) GTEST_SKIP() << kNoFixtures;
  }
};

TEST_F(DatasetSummaryTest, CountsImagesAndTheirExtremes) {
  const DatasetSummary summary = OfFixture("rgb_jpg_var");
  EXPECT_EQ(summary.num_samples, 60u);
  EXPECT_EQ(summary.num_bad_samples, 0u);
  EXPECT_EQ(summary.page_size_bytes, 8u << 20);
  ASSERT_EQ(summary.fields.size(), 1u);
  const FieldSummary& image = summary.fields[0];
  EXPECT_EQ(image.num_jpeg, 60u);
  EXPECT_EQ(image.num_raw, 0u);
  EXPECT_LE(image.min_width, 320);
  EXPECT_GE(image.max_width, 320);
  EXPECT_EQ(image.payload_bytes, summary.payload_bytes);
}

TEST_F(DatasetSummaryTest, EverySampleIsInOneBucketOfTheHistogram) {
  const DatasetSummary summary = OfFixture("bytes_var");
  uint64_t counted = 0;
  for (const uint64_t count : summary.sizes) counted += count;
  EXPECT_EQ(counted, summary.num_samples);
  EXPECT_GT(summary.fill(), 0);
  EXPECT_LE(summary.fill(), 1);
}

TEST_F(DatasetSummaryTest, TakesTheIntegerFieldForTheLabel) {
  const DatasetSummary summary = OfFixture("mix_a");
  EXPECT_EQ(summary.label_field, "id");
  uint64_t counted = 0;
  for (const ClassSummary& one : summary.classes) counted += one.num_samples;
  EXPECT_EQ(counted, 80u);
  EXPECT_FALSE(summary.has_index);
}

TEST_F(DatasetSummaryTest, KnowsFilesWithoutPayloadsAndWithoutSamples) {
  const DatasetSummary scalars = OfFixture("int");
  EXPECT_EQ(scalars.num_pages, 0u);
  EXPECT_EQ(scalars.fill(), 0);
  EXPECT_EQ(OfFixture("n0_int_handmade").num_samples, 0u);
}

TEST_F(DatasetSummaryTest, JsonSaysTheSame) {
  const DatasetSummary summary = OfFixture("mix_a");
  const auto json = nlohmann::json::parse(SummaryAsJson(summary));
  EXPECT_EQ(json["samples"], 80);
  EXPECT_EQ(json["fields"].size(), 7u);
  EXPECT_EQ(json["fields"][5]["dtype"], summary.fields[5].dtype);
  EXPECT_EQ(json["payload_bytes"], summary.payload_bytes);
  EXPECT_EQ(json["index"]["present"], false);
}

}  // namespace
}  // namespace betonfs::test
