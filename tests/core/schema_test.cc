#include "core/schema.h"

#include <gtest/gtest.h>

#include "tests/support/beton_builder.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::Poke;

// The descriptors of a file without samples.
std::string DescriptorsOf(const BetonBuilder& builder) {
  return builder.Build().substr(sizeof(RawHeader));
}

Result<Schema> Parse(const std::string& descriptors) {
  return Schema::Parse(AsBytes(descriptors),
                       static_cast<uint16_t>(descriptors.size() / sizeof(RawFieldDescriptor)), "f");
}

Field Named(std::string name, FieldType type) {
  Field field;
  field.name = std::move(name);
  field.type = type;
  if (type == FieldType::kNdArray || type == FieldType::kTorchTensor) {
    field.array.shape = {2};
    field.array.descr = R"([["", "<f4"]])";
  }
  return field;
}

// F float, I int, R image, B bytes, J json, N ndarray, T tensor.
std::vector<Field> FieldsOf(std::string_view letters) {
  const std::string_view order = "FIRBNJT";
  std::vector<Field> fields;
  for (const char letter : letters) {
    fields.push_back(
        Named("f" + std::to_string(fields.size()), static_cast<FieldType>(order.find(letter))));
  }
  return fields;
}

struct RecordCase {
  const char* fields;
  std::vector<uint32_t> offsets;
  uint64_t row_size_bytes;
};

TEST(Schema, LaysCellsOutAsNumpyDoes) {
  const RecordCase cases[] = {
      {"R", {0}, 13},
      {"B", {0}, 16},
      {"RI", {0, 16}, 24},
      {"IR", {0, 8}, 24},
      {"RR", {0, 13}, 26},
      {"RB", {0, 13}, 29},
      {"BR", {0, 16}, 29},
      {"RBI", {0, 13, 32}, 40},
      {"RIB", {0, 16, 24}, 40},
      {"IRB", {0, 8, 21}, 40},
      {"RRI", {0, 13, 32}, 40},
      {"RRRI", {0, 13, 26, 40}, 48},
      {"RRRRRRRRI", {0, 13, 26, 39, 52, 65, 78, 91, 104}, 112},
      {"RFRI", {0, 16, 24, 40}, 48},
      {"RNRB", {0, 16, 24, 37}, 56},
      {"JRT", {0, 16, 32}, 40},
      {"BRRJ", {0, 16, 29, 42}, 58},
      {"RIRIR", {0, 16, 24, 40, 48}, 64},
      {"IRFJBNT", {0, 8, 24, 32, 48, 64, 72}, 80},
      {"RNRFBT", {0, 16, 24, 40, 48, 64}, 72},
  };
  for (const RecordCase& c : cases) {
    const auto schema = Schema::Make(FieldsOf(c.fields));
    ASSERT_TRUE(schema) << schema.error().message;
    EXPECT_EQ(schema->row_size_bytes(), c.row_size_bytes) << c.fields;
    for (size_t i = 0; i < c.offsets.size(); ++i) {
      EXPECT_EQ(schema->fields()[i].cell_offset, c.offsets[i]) << c.fields;
    }
  }
}

TEST(Schema, NumbersThePayloads) {
  const auto schema = Schema::Make(FieldsOf("IRFB"));
  EXPECT_EQ(schema->num_payloads(), 2u);
  EXPECT_FALSE(schema->fields()[0].has_payload);
  EXPECT_EQ(schema->payload_field(0).name, "f1");
  EXPECT_EQ(schema->payload_field(1).name, "f3");
  EXPECT_EQ(schema->NumberOf(*schema->Find("f3")), 3);
  EXPECT_EQ(schema->Find("f4"), nullptr);
}

TEST(Schema, ReadsBackWhatItSerializes) {
  auto fields = FieldsOf("IRFJBNT");
  fields.push_back(Named("sixteen letters.", FieldType::kInt));
  fields.push_back(Named("own", FieldType::kCustom));
  fields.back().custom_arguments = std::string(kFieldArgumentsSizeBytes, '\x07');
  const auto schema = Schema::Make(std::move(fields));
  ASSERT_TRUE(schema);
  const auto parsed = Parse(schema->Serialize());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(schema->SameAs(*parsed));
  EXPECT_EQ(parsed->Serialize(), schema->Serialize());
  EXPECT_FALSE(schema->SameAs(*Schema::Make(FieldsOf("IRFJBNT"))));
}

TEST(Schema, ReadsWhatTheHandMadeDescriptorsSay) {
  const auto schema = Parse(
      DescriptorsOf(BetonBuilder().Field(FieldType::kNdArray, "a", {2, 0, 4}, R"([["", "<f8"]])")));
  ASSERT_TRUE(schema) << schema.error().message;
  const ArrayType& array = schema->fields()[0].array;
  EXPECT_EQ(array.shape, (std::vector<uint64_t>{2, 0, 4}));
  EXPECT_EQ(array.item_size_bytes, 8u);
  EXPECT_EQ(array.payload_size_bytes, 0u);
}

TEST(Schema, ThirtyTwoDimensionsFit) {
  const auto schema = Parse(DescriptorsOf(BetonBuilder().Field(
      FieldType::kNdArray, "a", std::vector<uint64_t>(32, 1), R"([["", "<f4"]])")));
  ASSERT_TRUE(schema);
  EXPECT_EQ(schema->fields()[0].array.shape.size(), 32u);
  EXPECT_EQ(schema->fields()[0].array.payload_size_bytes, 4u);
}

TEST(Schema, AShapeOfZerosIsTheEmptyArrayThatFfcvWrote) {
  const auto schema =
      Parse(DescriptorsOf(BetonBuilder().Field(FieldType::kNdArray, "a", {}, R"([["", "<f4"]])")));
  ASSERT_TRUE(schema);
  EXPECT_EQ(schema->fields()[0].array.shape, std::vector<uint64_t>{0});
  EXPECT_EQ(schema->fields()[0].array.payload_size_bytes, 0u);
}

TEST(Schema, RefusesUnknownTypesAndNamesTheField) {
  const std::string good = DescriptorsOf(BetonBuilder().Field(FieldType::kInt, "a"));
  for (int type = 0; type < 256; ++type) {
    std::string descriptors = good;
    descriptors[0] = static_cast<char>(type);
    // Types 4 and 6 need a dtype, which an int field does not have.
    const bool known = type < 4 || type == 5 || type == 255;
    EXPECT_EQ(Parse(descriptors).has_value(), known) << type;
  }
  std::string descriptors = good;
  descriptors[0] = 7;
  EXPECT_EQ(Parse(descriptors).error().message,
            "f: field 0 at offset 24: type 7, expected 0 to 6 or 255 (custom)");
}

TEST(Schema, NamesAreAsciiCutAtTheFirstNul) {
  std::string descriptors = DescriptorsOf(BetonBuilder().Field(FieldType::kInt, "ab"));
  descriptors[5] = 'x';  // behind the NUL: ignored, as FFCV does
  EXPECT_EQ(Parse(descriptors)->fields()[0].name, "ab");
  descriptors[5] = '\x80';  // FFCV decodes all 16 bytes
  EXPECT_EQ(Parse(descriptors).error().kind, ErrorKind::kCorrupt);
}

TEST(Schema, ImpossibleShapesAndDtypesAreRefused) {
  const std::string good =
      DescriptorsOf(BetonBuilder().Field(FieldType::kNdArray, "a", {3}, R"([["", "<f4"]])"));
  const size_t arguments = offsetof(RawFieldDescriptor, arguments);
  const size_t descr_size = arguments + offsetof(RawArrayArguments, descr_size_bytes);
  const uint64_t max = ~uint64_t{0};

  std::string file = good;
  Poke(file, arguments, u64le(max));
  EXPECT_EQ(Parse(file).error().kind, ErrorKind::kCorrupt);
  file = good;
  Poke(file, arguments, u64le(uint64_t{1} << 61));  // times 4 bytes
  EXPECT_EQ(Parse(file).error().kind, ErrorKind::kCorrupt);
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{761}, max}) {
    file = good;
    Poke(file, descr_size, u64le(size));
    EXPECT_FALSE(Parse(file)) << size;
  }
}

TEST(SchemaMake, RefusesWhatFfcvCannotRead) {
  const auto refused = [](Field field) {
    const auto schema = Schema::Make({std::move(field)});
    return !schema && schema.error().kind == ErrorKind::kInvalidArgument;
  };
  EXPECT_TRUE(refused(Named("", FieldType::kInt)));
  EXPECT_TRUE(refused(Named("f\xc3\xa4", FieldType::kInt)));
  Field array = Named("a", FieldType::kNdArray);
  array.array.shape = {3, 0};
  EXPECT_TRUE(refused(array));
  array.array.shape = {};
  EXPECT_TRUE(refused(array));
  array.array.shape = std::vector<uint64_t>(33, 1);
  EXPECT_TRUE(refused(array));
  array.array.shape = {1};
  array.array.descr = R"([["", "<f3"]])";
  EXPECT_TRUE(refused(array));
  EXPECT_FALSE(Schema::Make({}));
}

TEST(SchemaMake, NamesMustDifferInTheirFirst16Bytes) {
  EXPECT_FALSE(Schema::Make({Named("abcdefghijklmnopAA", FieldType::kInt),
                             Named("abcdefghijklmnopBB", FieldType::kInt)}));
  const auto cut = Schema::Make({Named("abcdefghijklmnopAA", FieldType::kInt)});
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->fields()[0].name, "abcdefghijklmnop");
}

TEST(Cells, ReadBackWhatWasWritten) {
  const auto schema = Schema::Make(FieldsOf("FIRBN"));
  std::string bytes(schema->row_size_bytes(), '\0');
  const MutableBytes row = std::as_writable_bytes(std::span(bytes));
  const auto& fields = schema->fields();
  WriteFloat(row, fields[0], -2.5);
  WriteInt(row, fields[1], INT64_MIN);
  WriteRgb(row, fields[2], RawRgbCell{1, 640, 480, ~uint64_t{0}});
  WriteBytesCell(row, fields[3], Extent{123, 456});
  WriteArrayCell(row, fields[4], 789);
  EXPECT_EQ(ReadFloat(row, fields[0]), -2.5);
  EXPECT_EQ(ReadInt(row, fields[1]), INT64_MIN);
  EXPECT_EQ(ReadRgb(row, fields[2]).width, 640);
  EXPECT_EQ(ReadRgb(row, fields[2]).height, 480);
  EXPECT_EQ(ReadPayloadOffset(row, fields[2]), ~uint64_t{0});
  EXPECT_EQ(ReadBytesCell(row, fields[3]).payload_size_bytes, 456u);
  EXPECT_EQ(ReadPayloadOffset(row, fields[3]), 123u);
  EXPECT_EQ(ReadPayloadOffset(row, fields[4]), 789u);
}

}  // namespace
}  // namespace betonfs
