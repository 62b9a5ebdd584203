// The damage matrix: files of every kind, damaged in every way, end in a refusal or in samples that
// are whole or errors; never in a crash or a read outside.  Run it under the sanitizers.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "core/check.h"
#include "core/concat.h"
#include "core/dataset.h"
#include "core/import.h"
#include "core/pack.h"
#include "tests/support/beton_builder.h"
#include "tests/support/pictures.h"
#include "tests/support/read_all.h"
#include "tests/support/staging.h"
#include "tests/support/tar_file.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::TempDir;

struct Kind {
  const char* name;
  std::string (*make)();
};

std::string PlainMixed() { return test::MixedBeton().Build(); }
std::string PlainShuffled() {
  return test::MixedBeton().Order(BetonBuilder::TableOrder::kShuffled).Build();
}

// Bytes with FFCV's zero-length rows, and an array of many dimensions.
std::string PlainZeroLength() {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "b")
      .Field(FieldType::kNdArray, "a", {1, 0, 2}, R"([["x", "<f4"], ["y", ">i2", [3]]])")
      .ZeroLengths(BetonBuilder::ZeroLength::kFfcv);
  for (const char* text : {"", "one", "", "two"})
    builder.Sample({test::Blob(text), test::Blob("")});
  return builder.Build();
}

std::string NamedJpegs() { return test::NamedBeton().Build(); }

// Every field type, with names.
std::string NamedMixed() { return test::MixedBeton().Paths({"x/1", "x/2", "y"}).Build(); }

std::string NamedScalars() {
  BetonBuilder builder;
  builder.Field(FieldType::kInt, "i").Field(FieldType::kFloat, "f");
  for (int i = 0; i < 3; ++i) builder.Sample({test::Int(i), test::Float(i)});
  return builder.Paths({"a", "b/c", "b/d"}).Build();
}

// ---- By the writers themselves

std::string PackInto(const TempDir& dir, const char* name, const char* prefix) {
  const TempDir source;
  for (const char* folder : {"cat", "dog", "empty/below"}) {
    std::filesystem::create_directories(source / folder);
  }
  source.Write(std::string("cat/") + prefix + "1.jpg", test::MakeJpeg(9, 7));
  source.Write(std::string("cat/") + prefix + "2.jpg", test::MakeJpeg(8, 8, 1));
  source.Write(std::string("dog/") + prefix + "3.jpg", test::MakeJpeg(16, 3, 3, 2));
  EXPECT_TRUE(Pack(source.path(), dir / name, {.align_bytes = 64}));
  return dir / name;
}

std::string Packed() {
  const TempDir dir;
  return test::ReadFile(PackInto(dir, "packed", ""));
}

std::string Imported() {
  const TempDir dir;
  test::TarFile shard;
  for (const char* key : {"d/1", "d/2", "3"}) {
    shard.Add(std::string(key) + ".jpg", test::MakeJpeg(8, 8));
    shard.Add(std::string(key) + ".cls", "7").Add(std::string(key) + ".json", "{}");
    shard.Add(std::string(key) + ".bin", "");
  }
  shard.Add("4.png", test::MakePng(3, 5, test::PngColor::kRgb)).Add("4.cls", "-1");
  shard.Add("4.json", "[1]").Add("4.bin", "bytes");
  EXPECT_TRUE(Import({dir.Write("s.tar", shard.Build())}, dir / "imported", {}));
  return test::ReadFile(dir / "imported");
}

std::string Concatenated() {
  const TempDir dir;
  EXPECT_TRUE(Concat({PackInto(dir, "a", "a"), PackInto(dir, "b", "b")}, dir / "both", {}));
  return test::ReadFile(dir / "both");
}

std::string Committed() {
  const TempDir dir;
  test::Stage stage(dir / "f.beton", nullptr, kMinPageSizeBytes);
  for (const char* path : {"cat/1", "cat/2", "dog/deep/3", "gone"}) {
    stage.Put(path, std::string("contents of ") + path);
  }
  stage.Put("cat/none", "");
  stage.Remove("gone");
  stage.Commit();
  return test::ReadFile(dir / "f.beton");
}

constexpr Kind kKinds[] = {
    {"PlainMixed", PlainMixed},
    {"PlainShuffled", PlainShuffled},
    {"PlainZeroLength", PlainZeroLength},
    {"NamedJpegs", NamedJpegs},
    {"NamedMixed", NamedMixed},
    {"NamedScalars", NamedScalars},
    {"Packed", Packed},
    {"Imported", Imported},
    {"Concatenated", Concatenated},
    {"Committed", Committed},
};
constexpr Kind kKindsOfOurs[] = {
    {"NamedJpegs", NamedJpegs}, {"NamedMixed", NamedMixed}, {"NamedScalars", NamedScalars},
    {"Packed", Packed},         {"Imported", Imported},     {"Concatenated", Concatenated},
    {"Committed", Committed},
};

uint64_t num_files_tried = 0;  // of the running test; see Damages::TearDown

// The file ends where its bytes on the heap do, so that a sanitizer sees every step too far.
Result<std::unique_ptr<Dataset>> Open(const std::vector<std::byte>& file) {
  ++num_files_tried;
  return Dataset::Open(MappedFile::Borrow(file, "f"));
}
std::vector<std::byte> Copy(std::string_view bytes) {
  return {AsBytes(bytes).begin(), AsBytes(bytes).end()};
}

// Number of damages check reports; a refusal counts as one.
uint64_t NumDamages(const std::vector<std::byte>& file) {
  const auto dataset = Open(file);
  if (!dataset) {
    EXPECT_FALSE(dataset.error().message.empty());
    return 1;
  }
  CheckOptions options;
  options.num_threads = 1;
  return Check(**dataset, options)->num_damages;
}

void ReadIfOpens(const std::vector<std::byte>& file) {
  const auto dataset = Open(file);
  if (dataset) test::ReadAll(**dataset);
}

// The bytes that readers decide by.  Payloads and padding are left out, and of the unused arguments
// of a descriptor, a kilobyte of zeros, one byte in 32.
std::vector<uint64_t> StructureBytes(const std::vector<std::byte>& good) {
  const auto dataset = Open(good);
  const Extent pages = (*dataset)->pages();
  const uint64_t descriptors_end = (*dataset)->rows().offset;
  std::vector<uint64_t> offsets;
  for (uint64_t i = 0; i < good.size(); ++i) {
    const bool is_unused =
        i > sizeof(RawHeader) && i < descriptors_end && good[i] == std::byte{0} && i % 32 != 0;
    const bool is_page = i >= pages.offset && i < pages.offset + pages.size;
    if (!is_unused && !is_page) offsets.push_back(i);
  }
  return offsets;
}

// --gtest_output=json:FILE says how many files each test has tried.
class Damages : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { num_files_tried = 0; }
  void TearDown() override { RecordProperty("files_tried", std::to_string(num_files_tried)); }
};

class DamageTest : public Damages {};

TEST_P(DamageTest, EveryByteOfTheStructuresIsReadOrRefused) {
  const std::vector<std::byte> good = Copy(GetParam().make());
  std::vector<std::byte> file = good;
  for (const uint64_t i : StructureBytes(good)) {
    for (const std::byte value :
         {std::byte{0}, std::byte{0xff}, ~good[i], good[i] ^ std::byte{1}}) {
      file[i] = value;
      ReadIfOpens(file);
    }
    file[i] = good[i];
  }
}

TEST_P(DamageTest, EveryTruncationIsRefusedOrFound) {
  const std::string good = GetParam().make();
  for (size_t size = 0; size < good.size(); ++size) {
    const std::vector<std::byte> file = Copy(std::string_view(good).substr(0, size));
    ReadIfOpens(file);
    EXPECT_GT(NumDamages(file), 0u) << size;
  }
}

// Counts and pointers, wherever one might start.
TEST_P(DamageTest, EveryNumberAtItsExtremesIsReadOrRefused) {
  const std::vector<std::byte> good = Copy(GetParam().make());
  std::vector<std::byte> file = good;
  const uint64_t extremes[] = {1, good.size(), uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0}};
  for (const uint64_t i : StructureBytes(good)) {
    if (i + sizeof(uint64_t) > good.size()) break;
    for (const uint64_t value : extremes) {
      std::memcpy(file.data() + i, &value, sizeof value);
      ReadIfOpens(file);
    }
    std::memcpy(file.data() + i, good.data() + i, sizeof(uint64_t));
  }
}

std::string NameOf(const testing::TestParamInfo<Kind>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Files, DamageTest, testing::ValuesIn(kKinds), NameOf);

class DamageOfOursTest : public Damages {};

// The promise of check, whole: whatever byte of a file of ours is changed, it says so.
TEST_P(DamageOfOursTest, CheckFindsEveryChangedByte) {
  const std::vector<std::byte> good = Copy(GetParam().make());
  ASSERT_EQ(NumDamages(good), 0u);
  std::vector<std::byte> file = good;
  for (size_t i = 0; i < good.size(); ++i) {
    for (const std::byte value :
         {std::byte{0}, std::byte{0xff}, ~good[i], good[i] ^ std::byte{1}}) {
      if (value == good[i]) continue;
      file[i] = value;
      EXPECT_GT(NumDamages(file), 0u) << "byte " << i << " as " << std::to_integer<int>(value);
    }
    file[i] = good[i];
  }
}

// Path -> the payloads of every sample that can be had, under the name it has.
std::map<std::string, std::string> Served(const Dataset& dataset) {
  std::map<std::string, std::string> served;
  for (uint64_t i = 0; i < dataset.num_samples(); ++i) {
    const auto path = dataset.index()->PathOf(SampleIndex{i});
    std::string contents;
    bool whole = path.has_value();
    for (const Field& field : dataset.schema().fields()) {
      if (!field.has_payload) continue;
      const auto payload = dataset.PayloadOf(SampleIndex{i}, field);
      whole = whole && payload;
      if (payload) contents += AsText(payload->bytes);
    }
    if (whole) served[*path] = contents;
  }
  return served;
}

// Whatever byte of the structures is changed: the file or its names are refused, or a sample, but
// what is served is served under its own name with its own bytes.
TEST_P(DamageOfOursTest, NoSampleIsServedWithBytesOrANameThatAreNotIts) {
  const std::vector<std::byte> good = Copy(GetParam().make());
  const auto expected = Served(**Open(good));
  std::vector<std::byte> file = good;
  for (const uint64_t i : StructureBytes(good)) {
    for (const std::byte value : {std::byte{0}, std::byte{0xff}, good[i] ^ std::byte{1}}) {
      file[i] = value;
      const auto dataset = Open(file);
      if (!dataset || !(*dataset)->index()) continue;
      for (const auto& [path, contents] : Served(**dataset)) {
        const auto known = expected.find(path);
        ASSERT_TRUE(known != expected.end() && known->second == contents)
            << path << ", byte " << i << " as " << std::to_integer<int>(value);
      }
    }
    file[i] = good[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Files, DamageOfOursTest, testing::ValuesIn(kKindsOfOurs), NameOf);

}  // namespace
}  // namespace betonfs
