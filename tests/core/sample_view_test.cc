#include "core/sample_view.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "tests/support/beton_builder.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::TempDir;

class SampleViewTest : public testing::Test {
 protected:
  void Open(const BetonBuilder& builder) {
    auto dataset = Dataset::Open(dir_.Write("d.beton", builder.Build()));
    ASSERT_TRUE(dataset) << dataset.error().message;
    dataset_ = std::move(*dataset);
  }
  uint16_t Field(std::string_view name) const {
    return dataset_->schema().NumberOf(*dataset_->schema().Find(name));
  }
  std::string Text(uint64_t sample, uint16_t field, RawView view = RawView::kPpm) const {
    const SampleViewer viewer(*dataset_);
    const auto contents = viewer.Contents(SampleIndex{sample}, field, view);
    EXPECT_TRUE(contents) << contents.error().message;
    EXPECT_EQ(contents->size_bytes(), *viewer.SizeBytes(SampleIndex{sample}, field, view));
    return std::string(AsText(contents->header())) + std::string(AsText(contents->payload()));
  }
  std::string_view Extension(uint64_t sample, uint16_t field, RawView view = RawView::kPpm) const {
    return *SampleViewer(*dataset_).Extension(SampleIndex{sample}, field, view);
  }

  TempDir dir_;
  std::unique_ptr<Dataset> dataset_;
};

TEST_F(SampleViewTest, ShowsEachFieldAsAFile) {
  Open(test::MixedBeton());
  EXPECT_EQ(Text(0, Field("image")), std::string(50, 'a'));
  EXPECT_EQ(Text(1, Field("image")), "P6\n2 1\n255\nRGBrgb");
  EXPECT_EQ(Text(0, Field("label")), "-10\n");
  EXPECT_EQ(Text(0, Field("score")), "0.5\n");
  EXPECT_EQ(Text(2, Field("meta")), "{\"i\": 2}");
  EXPECT_EQ(Text(0, Field("blob")), "");
  EXPECT_EQ(Text(2, Field("blob")), "cc");
  EXPECT_EQ(Text(2, kScalarsField), "{\"label\": 10, \"score\": 2.5}\n");
  const std::string npy = Text(2, Field("vec"));
  EXPECT_EQ(npy.size(), 128u + 24u);
  EXPECT_EQ(npy.substr(128), std::string(24, 'c'));
  EXPECT_NE(npy.find("'shape': (2, 3)"), npy.npos);
}

TEST_F(SampleViewTest, ThePayloadIsASliceOfTheFile) {
  Open(test::MixedBeton());
  const auto contents =
      SampleViewer(*dataset_).Contents(SampleIndex{2}, Field("vec"), RawView::kPpm);
  EXPECT_EQ(contents->payload().data(), dataset_->bytes().data() + contents->payload_offset());
}

TEST_F(SampleViewTest, EveryFieldHasItsExtension) {
  Open(test::MixedBeton());
  EXPECT_EQ(Extension(0, Field("image")), "jpg");
  EXPECT_EQ(Extension(1, Field("image")), "ppm");
  EXPECT_EQ(Extension(1, Field("image"), RawView::kBmp), "bmp");
  EXPECT_EQ(Extension(1, Field("image"), RawView::kPng), "png");
  EXPECT_EQ(Extension(0, Field("label")), "cls");
  EXPECT_EQ(Extension(0, Field("score")), "txt");
  EXPECT_EQ(Extension(0, Field("meta")), "json");
  EXPECT_EQ(Extension(0, Field("blob")), "bin");
  EXPECT_EQ(Extension(0, Field("vec")), "npy");
  EXPECT_EQ(Extension(0, Field("tensor")), "npy");
  EXPECT_EQ(Extension(0, kScalarsField), "json");
}

TEST_F(SampleViewTest, RawImagesBecomeBmpOrPngOnRequestAndJpegsStay) {
  Open(test::MixedBeton());
  EXPECT_EQ(Text(1, Field("image"), RawView::kBmp).substr(0, 2), "BM");
  EXPECT_EQ(Text(1, Field("image"), RawView::kPng).substr(0, 4), "\x89PNG");
  EXPECT_EQ(Text(0, Field("image"), RawView::kPng), std::string(50, 'a'));
}

// 60,000 x 60,000 pixels that are a hole in the file: shown as they are, not built in memory.
TEST_F(SampleViewTest, APictureTooLargeToRenderIsRefusedAndItsPpmIsNot) {
  constexpr uint64_t kPixelsSize = 60'000ull * 60'000 * 3;
  std::string file =
      BetonBuilder().Field(FieldType::kRgbImage, "image").Sample({test::Rgb(1, 1, "rgb")}).Build();
  const uint64_t row = sizeof(RawHeader) + sizeof(RawFieldDescriptor);
  auto image = test::Peek<RawRgbCell>(file, row);
  auto header = test::Peek<RawHeader>(file, 0);
  auto table_row = test::Peek<RawTableRow>(file, header.alloc_table_offset);
  image.width = image.height = 60'000;
  table_row.payload_size_bytes = kPixelsSize;
  header.alloc_table_offset = image.payload_offset + kPixelsSize;
  test::Poke(file, row, image);
  test::Poke(file, 0, header);
  const std::string path = dir_.Write("holes.beton", file.substr(0, image.payload_offset));
  std::filesystem::resize_file(path, header.alloc_table_offset);
  std::ofstream(path, std::ios::app).write(reinterpret_cast<char*>(&table_row), sizeof table_row);

  const auto dataset = Dataset::Open(path);
  ASSERT_TRUE(dataset) << dataset.error().message;
  const SampleViewer viewer(**dataset);
  const auto ppm = viewer.Contents(SampleIndex{0}, 0, RawView::kPpm);
  ASSERT_TRUE(ppm) << ppm.error().message;
  EXPECT_EQ(ppm->payload().size(), kPixelsSize);
  EXPECT_GT(*viewer.SizeBytes(SampleIndex{0}, 0, RawView::kPng), kPixelsSize);
  const auto png = viewer.Contents(SampleIndex{0}, 0, RawView::kPng);
  ASSERT_FALSE(png);
  EXPECT_EQ(png.error().kind, ErrorKind::kUnsupported);
}

TEST_F(SampleViewTest, ThePrimaryFieldIsTheOneMostPeopleWant) {
  const std::pair<FieldType, const char*> fields[] = {
      {FieldType::kInt, "int"},       {FieldType::kJson, "json"},
      {FieldType::kNdArray, "array"}, {FieldType::kCustom, "custom"},
      {FieldType::kBytes, "bytes"},   {FieldType::kRgbImage, "image"}};
  const char* expected[] = {nullptr, "json", "array", "custom", "custom", "image"};
  BetonBuilder builder;
  for (size_t i = 0; i < std::size(fields); ++i) {
    builder.Field(fields[i].first, fields[i].second, {1}, R"([["", "|u1"]])");
    Open(builder);
    EXPECT_EQ(SampleViewer(*dataset_).PrimaryField(),
              expected[i] ? Field(expected[i]) : kScalarsField);
  }
}

TEST_F(SampleViewTest, ScalarsReadBackAsTheSameNumbers) {
  BetonBuilder builder;
  builder.Field(FieldType::kFloat, "a\"b").Field(FieldType::kInt, "i");
  const double infinity = std::numeric_limits<double>::infinity();
  const double floats[] = {0.0, -0.0, 0.1, 1e300, -5e-324, 1e16, infinity, -infinity, std::nan("")};
  for (const double value : floats) builder.Sample({test::Float(value), test::Int(INT64_MIN)});
  Open(builder);
  const char* expected[] = {"0.0\n",   "-0.0\n", "0.1\n",  "1e+300\n", "-5e-324\n",
                            "1e+16\n", "inf\n",  "-inf\n", "nan\n"};
  for (size_t i = 0; i < std::size(floats); ++i) EXPECT_EQ(Text(i, 0), expected[i]);
  EXPECT_EQ(Text(0, 1), "-9223372036854775808\n");
  EXPECT_EQ(Text(6, kScalarsField), "{\"a\\\"b\": Infinity, \"i\": -9223372036854775808}\n");
  EXPECT_EQ(Text(8, kScalarsField), "{\"a\\\"b\": NaN, \"i\": -9223372036854775808}\n");
}

TEST_F(SampleViewTest, JsonLosesItsClosingNulAndNothingElse) {
  BetonBuilder builder;
  builder.Field(FieldType::kJson, "j");
  for (const auto& stored : {std::string("{}\0", 3), std::string("{}"), std::string(),
                             std::string("\0", 1), std::string("a\0\0", 3)}) {
    builder.Sample({test::Blob(stored)});
  }
  Open(builder);
  EXPECT_EQ(Text(0, 0), "{}");
  EXPECT_EQ(Text(1, 0), "{}");
  EXPECT_EQ(Text(2, 0), "");
  EXPECT_EQ(Text(3, 0), "");
  EXPECT_EQ(Text(4, 0), std::string("a\0", 2));
}

TEST_F(SampleViewTest, ABadSampleIsAnErrorOfItsOwn) {
  Open(test::MixedBeton().EditTable([](auto& rows) { rows[0].payload_offset = 1; }));
  const SampleViewer viewer(*dataset_);
  for (const RawView view : {RawView::kPpm, RawView::kBmp}) {
    EXPECT_EQ(viewer.Contents(SampleIndex{0}, Field("image"), view).error().kind,
              ErrorKind::kCorrupt);
    EXPECT_FALSE(viewer.SizeBytes(SampleIndex{0}, Field("image"), view));
  }
  EXPECT_EQ(Text(0, Field("blob")), "");
  EXPECT_EQ(Text(1, Field("image")), "P6\n2 1\n255\nRGBrgb");
}

}  // namespace
}  // namespace betonfs
