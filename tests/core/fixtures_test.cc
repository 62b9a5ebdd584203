// Every file that FFCV wrote reads as its manifest says.  The payloads' hashes are compared through
// a mount, by tests/mount.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/dataset.h"
#include "core/sample_view.h"
#include "tests/support/paths.h"

namespace betonfs {
namespace {

using Json = nlohmann::json;

Json ReadManifest(const std::string& path) { return Json::parse(std::ifstream(path)); }

std::vector<std::string> FixtureNames() {
  std::vector<std::string> names;
  if (const auto dir = test::FixturesDir()) {
    for (const auto& file : std::filesystem::directory_iterator(*dir)) {
      if (file.path().extension() == ".beton") names.push_back(file.path().stem());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

class FixtureTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::string stem = *test::FixturesDir() + "/" + GetParam();
    manifest_ = ReadManifest(stem + ".json");
    auto dataset = Dataset::Open(stem + ".beton");
    ASSERT_TRUE(dataset) << dataset.error().message;
    dataset_ = std::move(*dataset);
  }

  void ExpectCell(uint64_t sample, const Field& field, const Json& expected) {
    const auto row = dataset_->Row(SampleIndex{sample});
    ASSERT_TRUE(row);
    if (field.type == FieldType::kInt) {
      EXPECT_EQ(ReadInt(*row, field), expected["value"].get<int64_t>());
    } else if (field.type == FieldType::kFloat) {
      ExpectFloat(ReadFloat(*row, field), expected["value"]);
    } else {
      ExpectPayload(sample, field, expected);
    }
  }

  void ExpectFloat(double found, const Json& expected) {
    // JSON has no NaN or infinity; the manifest then spells them.
    const double value =
        expected.is_string() ? std::stod(expected.get<std::string>()) : expected.get<double>();
    EXPECT_EQ(std::isnan(found), std::isnan(value));
    if (!std::isnan(value)) {
      EXPECT_EQ(found, value);
      EXPECT_EQ(std::signbit(found), std::signbit(value));
    }
  }

  void ExpectPayload(uint64_t sample, const Field& field, const Json& expected) {
    const auto payload = dataset_->PayloadOf(SampleIndex{sample}, field);
    ASSERT_TRUE(payload) << payload.error().message;
    EXPECT_EQ(payload->offset, expected["ptr"].get<uint64_t>());
    EXPECT_EQ(payload->bytes.size(), expected["size"].get<uint64_t>());
    EXPECT_EQ(dataset_->PageOf(payload->offset), expected["page"].get<uint64_t>());
    if (field.type == FieldType::kRgbImage) {
      EXPECT_EQ(payload->is_jpeg, expected["mode"] == 0);
      EXPECT_EQ(payload->width, expected["width"].get<uint16_t>());
      EXPECT_EQ(payload->height, expected["height"].get<uint16_t>());
    }
  }

  Json manifest_;
  std::unique_ptr<Dataset> dataset_;
};

TEST_P(FixtureTest, HasTheLayoutOfItsManifest) {
  EXPECT_EQ(dataset_->num_samples(), manifest_["num_samples"].get<uint64_t>());
  EXPECT_EQ(dataset_->index(), nullptr);
  EXPECT_EQ(dataset_->index_error(), nullptr);
  const auto& fields = dataset_->schema().fields();
  ASSERT_EQ(fields.size(), manifest_["fields"].size());
  if (!manifest_.contains("itemsize")) return;  // made by hand
  EXPECT_EQ(dataset_->page_size_bytes(), manifest_["page_size"].get<uint32_t>());
  EXPECT_EQ(dataset_->schema().row_size_bytes(), manifest_["itemsize"].get<uint64_t>());
  EXPECT_EQ(dataset_->rows().offset, manifest_["meta_start"].get<uint64_t>());
  EXPECT_EQ(dataset_->table_extent().offset, manifest_["alloc_table_ptr"].get<uint64_t>());
  EXPECT_EQ(dataset_->table().num_rows(), manifest_["alloc_rows"].get<uint64_t>());
  for (size_t i = 0; i < fields.size(); ++i) {
    const Json& expected = manifest_["fields"][i];
    EXPECT_EQ(fields[i].name, expected["name"].get<std::string>());
    EXPECT_EQ(static_cast<int>(fields[i].type), expected["type_id"].get<int>());
    EXPECT_EQ(fields[i].cell_offset, expected["offset"].get<uint32_t>());
  }
}

TEST_P(FixtureTest, HasTheCellsAndPayloadsOfItsManifest) {
  if (!manifest_.contains("samples")) GTEST_SKIP() << "no samples in the manifest";
  for (uint64_t s = 0; s < dataset_->num_samples(); ++s) {
    // name_clash16 has one name twice; its manifest then knows the last of them.
    std::map<std::string, const Field*> fields;
    for (const Field& field : dataset_->schema().fields()) fields[field.name] = &field;
    for (const auto& [name, field] : fields) ExpectCell(s, *field, manifest_["samples"][s][name]);
  }
}

TEST_P(FixtureTest, EveryViewOfEverySampleHasTheSizeItSays) {
  const SampleViewer viewer(*dataset_);
  for (uint64_t s = 0; s < dataset_->num_samples(); ++s) {
    for (uint16_t field = 0; field < dataset_->schema().fields().size(); ++field) {
      for (const RawView view : {RawView::kPpm, RawView::kBmp, RawView::kPng}) {
        const auto contents = viewer.Contents(SampleIndex{s}, field, view);
        ASSERT_TRUE(contents) << contents.error().message;
        EXPECT_EQ(contents->size_bytes(), *viewer.SizeBytes(SampleIndex{s}, field, view));
      }
    }
  }
}

std::string TestName(const testing::TestParamInfo<std::string>& info) { return info.param; }

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FixtureTest);
INSTANTIATE_TEST_SUITE_P(Ffcv, FixtureTest, testing::ValuesIn(FixtureNames()), TestName);

TEST(Fixtures, ArePresent) {
  if (!test::FixturesDir()) GTEST_SKIP() << test::kNoFixtures;
  EXPECT_FALSE(FixtureNames().empty());
}

}  // namespace
}  // namespace betonfs
