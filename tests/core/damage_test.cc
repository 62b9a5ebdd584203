// The damage matrix: files of every kind, damaged in every way, end in a refusal or in samples that
// are whole or errors; never in a crash or a read outside.  Run it under the sanitizers.
#include <gtest/gtest.h>

#include "core/check.h"
#include "core/dataset.h"
#include "tests/support/beton_builder.h"
#include "tests/support/read_all.h"

namespace betonfs {
namespace {

using test::BetonBuilder;

struct Kind {
  const char* name;
  BetonBuilder (*make)();
};

BetonBuilder PlainShuffled() {
  return test::MixedBeton().Order(BetonBuilder::TableOrder::kShuffled);
}

// Bytes with FFCV's zero-length rows, and an array of many dimensions.
BetonBuilder PlainZeroLength() {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "b")
      .Field(FieldType::kNdArray, "a", {1, 0, 2}, R"([["x", "<f4"], ["y", ">i2", [3]]])")
      .ZeroLengths(BetonBuilder::ZeroLength::kFfcv);
  for (const char* text : {"", "one", "", "two"})
    builder.Sample({test::Blob(text), test::Blob("")});
  return builder;
}

// Every field type, with names.
BetonBuilder NamedMixed() { return test::MixedBeton().Paths({"x/1", "x/2", "y"}); }

BetonBuilder NamedScalars() {
  BetonBuilder builder;
  builder.Field(FieldType::kInt, "i").Field(FieldType::kFloat, "f");
  for (int i = 0; i < 3; ++i) builder.Sample({test::Int(i), test::Float(i)});
  return builder.Paths({"a", "b/c", "b/d"});
}

constexpr Kind kKinds[] = {
    {"PlainMixed", test::MixedBeton},     {"PlainShuffled", PlainShuffled},
    {"PlainZeroLength", PlainZeroLength}, {"NamedJpegs", test::NamedBeton},
    {"NamedMixed", NamedMixed},           {"NamedScalars", NamedScalars},
};
constexpr Kind kKindsOfOurs[] = {
    {"NamedJpegs", test::NamedBeton}, {"NamedMixed", NamedMixed}, {"NamedScalars", NamedScalars}};

// The file ends where its bytes on the heap do, so that a sanitizer sees every step too far.
Result<std::unique_ptr<Dataset>> Open(const std::vector<std::byte>& file) {
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

class DamageTest : public testing::TestWithParam<Kind> {};

TEST_P(DamageTest, EveryByteOfTheStructuresIsReadOrRefused) {
  const std::vector<std::byte> good = Copy(GetParam().make().Build());
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
  const std::string good = GetParam().make().Build();
  for (size_t size = 0; size < good.size(); ++size) {
    const std::vector<std::byte> file = Copy(std::string_view(good).substr(0, size));
    ReadIfOpens(file);
    EXPECT_GT(NumDamages(file), 0u) << size;
  }
}

// Counts and pointers, wherever one might start.
TEST_P(DamageTest, EveryNumberAtItsExtremesIsReadOrRefused) {
  const std::vector<std::byte> good = Copy(GetParam().make().Build());
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

class DamageOfOursTest : public testing::TestWithParam<Kind> {};

// The promise of check, whole: whatever byte of a file of ours is changed, it says so.
TEST_P(DamageOfOursTest, CheckFindsEveryChangedByte) {
  const std::vector<std::byte> good = Copy(GetParam().make().Build());
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

INSTANTIATE_TEST_SUITE_P(Files, DamageOfOursTest, testing::ValuesIn(kKindsOfOurs), NameOf);

}  // namespace
}  // namespace betonfs
