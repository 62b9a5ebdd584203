#include "core/ffcv_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "tests/support/beton_builder.h"
#include "tests/support/paths.h"
#include "tests/support/pictures.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::MakeJpeg;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

FfcvReport Report(const Dataset& dataset, bool decode = false) {
  FfcvCheckOptions options;
  options.decode = decode;
  auto report = CheckForFfcv(dataset, options);
  EXPECT_TRUE(report) << report.error().message;
  return *report;
}

FfcvReport Report(const std::string& file, bool decode = false) {
  const auto dataset = Dataset::Open(MappedFile::Borrow(AsBytes(file), "f"));
  EXPECT_TRUE(dataset) << dataset.error().message;
  return Report(**dataset, decode);
}

std::vector<std::string> Kinds(const FfcvReport& report) {
  std::vector<std::string> kinds;
  for (const Finding& finding : report.findings) kinds.push_back(finding.kind);
  return kinds;
}

// "SRQ srq": the modes that work, with os_cache=True in capitals, a dot for each that does not.
std::string Modes(const FfcvReport& report) {
  std::string out;
  for (size_t i = 0; i < report.modes.size(); ++i) {
    out += report.modes[i].works ? "SRQsrq"[i] : '.';
  }
  return out;
}

// A file of JPEGs, three of 16 x 16 and `last`.
std::string Images(const test::Value& last) {
  BetonBuilder builder;
  builder.PageSize(1 << 16).Field(FieldType::kRgbImage, "image");
  for (unsigned seed = 0; seed < 3; ++seed) {
    builder.Sample({test::Jpeg(MakeJpeg(16, 16, 3, seed), 16, 16)});
  }
  return builder.Sample({last}).Build();
}

std::string Arrays(std::vector<uint64_t> shape, std::string descr, size_t size_bytes) {
  return BetonBuilder()
      .Field(FieldType::kNdArray, "a", std::move(shape), std::move(descr))
      .Sample({test::Blob(std::string(size_bytes, 'x'))})
      .Build();
}

TEST(FfcvCheck, AGoodFileWorksInEveryMode) {
  const FfcvReport report = Report(Images(test::Jpeg(MakeJpeg(16, 16), 16, 16)), true);
  EXPECT_TRUE(report.loads);
  EXPECT_THAT(Kinds(report), IsEmpty());
  EXPECT_EQ(Modes(report), "SRQsrq");
  EXPECT_EQ(report.num_images, 4u);
  EXPECT_EQ(report.fields[0].decoder, "SimpleRGBImageDecoder");
  EXPECT_TRUE(report.fields[0].works);
}

TEST(FfcvCheck, GreyImagesAndRawOnesAreFine) {
  EXPECT_THAT(Kinds(Report(Images(test::Jpeg(MakeJpeg(16, 16, 1), 16, 16)), true)), IsEmpty());
  EXPECT_THAT(Kinds(Report(Images(test::Rgb(16, 16, std::string(768, 'x'))), true)), IsEmpty());
}

TEST(FfcvCheck, ImagesThatFfcvSilentlyGetsWrongAreNamed) {
  const auto kinds = [](const test::Value& image) { return Kinds(Report(Images(image))); };
  EXPECT_THAT(kinds(test::Jpeg(MakeJpeg(16, 16, 4), 16, 16)), ElementsAre("cmyk"));
  EXPECT_THAT(kinds(test::Jpeg("\x89PNG", 16, 16)), ElementsAre("not_jpeg"));
  EXPECT_THAT(kinds(test::Jpeg("", 16, 16)), ElementsAre("not_jpeg"));
  EXPECT_THAT(kinds(test::Jpeg(MakeJpeg(16, 17), 16, 16)), ElementsAre("dimensions"));
  const FfcvReport report = Report(Images(test::Jpeg(MakeJpeg(16, 16, 4), 16, 16)));
  EXPECT_EQ(report.findings[0].sample, SampleIndex{3});
  EXPECT_THAT(report.findings[0].message, HasSubstr("pixels of an earlier sample"));
  EXPECT_EQ(report.num_bad_images, 1u);
  EXPECT_FALSE(report.fields[0].works);
  EXPECT_EQ(report.fields[0].why_not, "1 of its images come out wrong");
}

TEST(FfcvCheck, DecodingFindsDamageBehindTheHeader) {
  const std::string whole = MakeJpeg(64, 64);
  const std::string cut = Images(test::Jpeg(whole.substr(0, whole.size() * 6 / 10), 64, 64));
  EXPECT_THAT(Kinds(Report(cut)), ElementsAre("image_sizes"));
  EXPECT_THAT(Kinds(Report(cut, true)), ElementsAre("image_sizes", "damaged_jpeg"));
}

TEST(FfcvCheck, SeveralSizesNeedAnotherDecoder) {
  const FfcvReport report = Report(Images(test::Jpeg(MakeJpeg(20, 16), 20, 16)));
  EXPECT_THAT(Kinds(report), ElementsAre("image_sizes"));
  EXPECT_EQ(report.findings[0].severity, Severity::kNote);
  EXPECT_EQ(report.fields[0].decoder, "RandomResizedCropRGBImageDecoder");
  EXPECT_TRUE(report.fields[0].works);
}

TEST(FfcvCheck, DtypesThatTorchOrNumbaLackAreNamed) {
  const std::pair<const char*, bool> dtypes[] = {
      {"<f4", true},      {"<f8", true},  {"|u1", true},  {"|i1", true},  {"<i2", true},
      {"<i8", true},      {"|b1", true},  {"<c8", true},  {"<f2", false}, {"<u2", false},
      {"<u4", false},     {"<u8", false}, {">i4", false}, {"|S5", false}, {"<U2", false},
      {"<M8[ns]", false}, {"|V3", false}, {"<f16", false}};
  for (const auto& [dtype, works] : dtypes) {
    const std::string descr = std::string("[[\"\", \"") + dtype + "\"]]";
    const auto schema = Schema::Make([&] {
      Field field;
      field.type = FieldType::kNdArray;
      field.name = "a";
      field.array.shape = {2};
      field.array.descr = descr;
      return std::vector<Field>{field};
    }());
    ASSERT_TRUE(schema) << schema.error().message;
    const FfcvReport report =
        Report(Arrays({2}, descr, schema->fields()[0].array.payload_size_bytes));
    EXPECT_TRUE(report.loads);
    EXPECT_EQ(report.fields[0].works, works) << dtype;
    EXPECT_EQ(Kinds(report).size(), works ? 0u : 1u) << dtype;
  }
}

TEST(FfcvCheck, FilesThatDoNotLoadWorkInNoMode) {
  const FfcvReport structured = Report(Arrays({1}, R"([["x", "<f4"], ["y", "<i2"]])", 6));
  EXPECT_FALSE(structured.loads);
  EXPECT_EQ(Modes(structured), "......");
  EXPECT_THAT(structured.modes[0].why_not, HasSubstr("structured"));
  EXPECT_FALSE(Report(Arrays({}, R"([["", "<f4"]])", 0)).loads) << "no dimension above zero";
  EXPECT_FALSE(Report(Arrays({0, 3}, R"([["", "<f4"]])", 0)).fields[0].works) << "no elements";
}

TEST(FfcvCheck, TwoFieldsOfOneNameSpoilEveryRecord) {
  BetonBuilder builder;
  builder.Field(FieldType::kInt, "sixteen letters and more")
      .Field(FieldType::kBytes, "sixteen letters and others")
      .Sample({test::Int(1), test::Blob("x")});
  const FfcvReport report = Report(builder.Build());
  EXPECT_THAT(Kinds(report), ElementsAre("field_name"));
  EXPECT_EQ(Modes(report), "......");
}

TEST(FfcvCheck, APayloadOverAPageNeedsTheCacheOfTheSystem) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "b")
      .Sample({test::Blob("small")})
      .Sample({test::Blob(std::string(5000, 'x'))});
  const FfcvReport report = Report(builder.Build());
  EXPECT_THAT(Kinds(report), ElementsAre("oversize"));
  EXPECT_EQ(Modes(report), "SRQ...");
}

TEST(FfcvCheck, ASampleOnTwoPagesSpoilsTheQuasiRandomOrder) {
  BetonBuilder builder;  // the second payload begins the next page
  builder.Field(FieldType::kBytes, "a").Field(FieldType::kBytes, "b");
  builder.Sample({test::Blob(std::string(4096, 'x')), test::Blob("y")});
  const FfcvReport report = Report(builder.Build());
  EXPECT_THAT(Kinds(report), ElementsAre("two_pages"));
  EXPECT_EQ(Modes(report), "SR.sr.");
}

TEST(FfcvCheck, OneOffsetWithTwoSizesIsReadWrongly) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "b").ZeroLengths(BetonBuilder::ZeroLength::kFfcv);
  for (const char* bytes : {"one", "", "two"}) builder.Sample({test::Blob(bytes)});
  const FfcvReport report = Report(builder.Build());
  EXPECT_THAT(Kinds(report), ElementsAre("shared_offset"));
  EXPECT_EQ(Modes(report), "......");
}

TEST(FfcvCheck, APayloadWithoutItsRowIsReadWrongly) {
  const auto builder =
      test::MixedBeton().EditTable([](auto& rows) { rows[2].payload_size_bytes = 99; });
  const FfcvReport report = Report(builder.Build());
  EXPECT_THAT(Kinds(report), testing::Contains("bad_sample"));
  EXPECT_EQ(Modes(report), "......");
}

TEST(FfcvCheck, FilesWithoutPayloadsHaveNoQuasiRandomOrder) {
  BetonBuilder builder;
  builder.Field(FieldType::kInt, "i").Sample({test::Int(1)});
  EXPECT_EQ(Modes(Report(builder.Build())), "SR.sr.");
}

TEST(FfcvCheck, ARowFarBehindTheFileAsksForAllMemory) {
  const auto builder = test::MixedBeton().EditTable([](auto& rows) {
    rows.push_back({~uint64_t{0}, ~uint64_t{0} - 7, 0});
  });
  const FfcvReport report = Report(builder.Build());
  EXPECT_THAT(Kinds(report), testing::Contains("quasi_memory"));
  EXPECT_FALSE(report.modes[2].works);
}

TEST(FfcvCheck, ANulInJsonCutsIt) {
  BetonBuilder builder;
  builder.Field(FieldType::kJson, "j")
      .Sample({test::JsonText("{}")})
      .Sample({test::Blob(std::string("a\0b\0", 4))})
      .Sample({test::Blob("{}")});
  EXPECT_THAT(Kinds(Report(builder.Build())), ElementsAre("json_nul", "json_nul"));
}

TEST(FfcvCheck, FixturesHaveTheirKnownTroubles) {
  const auto fixtures = test::FixturesDir();
  if (!fixtures) GTEST_SKIP() << test::kNoFixtures;
  // What does not work, by file: the modes, and the first field that does not.
  using Trouble = std::pair<std::string, std::string>;
  const std::map<std::string, Trouble> known = {{"bytes_zero", {"......", ""}},
                                                {"name_clash16", {"......", "abcdefghijklmnop"}},
                                                {"nd_struct", {"......", "a"}},
                                                {"nd_f4_zero_dim", {"SRQsrq", "a"}},
                                                {"nd_S5_1d", {"SRQsrq", "a"}},
                                                {"nd_be_i4", {"SRQsrq", "a"}},
                                                {"nd_dt64", {"SRQsrq", "a"}},
                                                {"float", {"SR.sr.", ""}},
                                                {"int", {"SR.sr.", ""}},
                                                {"n1_int", {"SR.sr.", ""}},
                                                {"n0_int_handmade", {"SR.sr.", ""}}};
  for (const auto& file : std::filesystem::directory_iterator(*fixtures)) {
    if (file.path().extension() != ".beton") continue;
    const auto dataset = Dataset::Open(file.path());
    ASSERT_TRUE(dataset);
    const FfcvReport report = Report(**dataset, true);
    Trouble found{Modes(report), ""};
    for (const FfcvField& field : report.fields) {
      if (!field.works) found.second = field.name;
    }
    const auto expected = known.find(file.path().stem());
    const Trouble none{"SRQsrq", ""};
    EXPECT_EQ(found, expected == known.end() ? none : expected->second) << file.path();
  }
}

}  // namespace
}  // namespace betonfs
