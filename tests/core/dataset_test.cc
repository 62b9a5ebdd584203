#include "core/dataset.h"

#include <gtest/gtest.h>

#include "tests/support/beton_builder.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::TempDir;

class DatasetTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Dataset>> Open(const std::string& file) {
    return Dataset::Open(dir_.Write("d.beton", file));
  }
  std::unique_ptr<Dataset> Opened(const std::string& file) {
    auto dataset = Open(file);
    EXPECT_TRUE(dataset) << dataset.error().message;
    return dataset ? std::move(*dataset) : nullptr;
  }
  TempDir dir_;
};

std::string_view TextOf(const Dataset& dataset, uint64_t sample, std::string_view field) {
  const auto payload = dataset.PayloadOf(SampleIndex{sample}, *dataset.schema().Find(field));
  EXPECT_TRUE(payload) << payload.error().message;
  return payload ? AsText(payload->bytes) : "";
}

TEST_F(DatasetTest, ReadsEveryKindOfField) {
  const auto dataset = Opened(test::MixedBeton().Build());
  ASSERT_TRUE(dataset);
  EXPECT_EQ(dataset->num_samples(), 3u);
  EXPECT_EQ(dataset->index(), nullptr);
  EXPECT_EQ(dataset->index_error(), nullptr);
  EXPECT_EQ(TextOf(*dataset, 0, "image"), std::string(50, 'a'));
  EXPECT_EQ(TextOf(*dataset, 1, "image"), "RGBrgb");
  EXPECT_EQ(TextOf(*dataset, 2, "meta"), std::string_view("{\"i\": 2}\0", 9));
  EXPECT_EQ(TextOf(*dataset, 2, "blob"), "cc");
  EXPECT_EQ(TextOf(*dataset, 2, "vec"), std::string(24, 'c'));
  const auto row = dataset->Row(SampleIndex{2});
  ASSERT_TRUE(row);
  EXPECT_EQ(ReadInt(*row, *dataset->schema().Find("label")), 10);
  EXPECT_EQ(ReadFloat(*row, *dataset->schema().Find("score")), 2.5);
}

TEST_F(DatasetTest, FindsPayloadsWhateverTheOrderOfTheTable) {
  for (const auto order :
       {BetonBuilder::TableOrder::kReversed, BetonBuilder::TableOrder::kShuffled}) {
    const auto dataset = Opened(test::MixedBeton().Order(order).Build());
    ASSERT_TRUE(dataset);
    EXPECT_EQ(TextOf(*dataset, 0, "image"), std::string(50, 'a'));
    EXPECT_EQ(TextOf(*dataset, 2, "tensor"), "cccc");
  }
}

TEST_F(DatasetTest, ReadsAFileOfOurs) {
  const auto dataset = Opened(test::NamedBeton().Build());
  ASSERT_TRUE(dataset);
  ASSERT_EQ(dataset->index_error(), nullptr) << dataset->index_error()->message;
  ASSERT_TRUE(dataset->index());
  EXPECT_EQ(*dataset->index()->PathOf(SampleIndex{2}), "dogs/deep/c.jpg");
  EXPECT_EQ(TextOf(*dataset, 2, "image"), std::string(102, 'c'));
  const auto errors = dataset->index()->VerifyAll();
  EXPECT_TRUE(errors.empty()) << errors.front().message;
}

TEST_F(DatasetTest, RefusesEveryTruncation) {
  const std::string whole = test::MixedBeton().Build();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Open(whole.substr(0, size))) << size;
  }
}

// 65,535 fields of 16 bytes and 2^44 + 1 samples: the product does not fit 64 bits.
TEST_F(DatasetTest, RefusesRowsWhoseSizeWouldOverflow) {
  RawHeader header;
  header.version = kBetonVersion;
  header.num_fields = 0xffff;
  header.page_size_bytes = kMinPageSizeBytes;
  header.num_samples = (uint64_t{1} << 44) + 17;
  std::string file(AsText(std::as_bytes(std::span(&header, 1))));
  RawFieldDescriptor bytes_field{};
  bytes_field.type_id = static_cast<uint8_t>(FieldType::kBytes);
  for (int i = 0; i < 0xffff; ++i) file += AsText(std::as_bytes(std::span(&bytes_field, 1)));
  header.alloc_table_offset = file.size();
  file.replace(0, sizeof header, AsText(std::as_bytes(std::span(&header, 1))));
  const auto dataset = Open(file);
  ASSERT_FALSE(dataset);
  EXPECT_EQ(dataset.error().kind, ErrorKind::kTruncated) << dataset.error().message;
}

TEST_F(DatasetTest, EveryHeaderFieldAtItsExtremesIsRefusedOrReadInside) {
  const std::string good = test::MixedBeton().Build();
  struct Extreme {
    uint64_t offset;
    uint64_t size_bytes;
  };
  for (const Extreme field :
       {Extreme{0, 2}, Extreme{2, 2}, Extreme{4, 4}, Extreme{8, 8}, Extreme{16, 8}}) {
    for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 31, uint64_t{1} << 44,
                                 uint64_t{1} << 63, ~uint64_t{0}}) {
      std::string file = good;
      file.replace(field.offset, field.size_bytes, reinterpret_cast<const char*>(&value),
                   field.size_bytes);
      const auto dataset = Open(file);
      if (!dataset) continue;
      for (uint64_t s = 0; s < (*dataset)->num_samples(); ++s) {
        for (const Field& f : (*dataset)->schema().fields()) {
          if (f.has_payload) (void)(*dataset)->PayloadOf(SampleIndex{s}, f);
        }
      }
    }
  }
}

TEST_F(DatasetTest, SaysWhatIsWrongAndWhere) {
  const std::string good = test::MixedBeton().Build();
  const std::string path = dir_ / "d.beton";
  const auto message = [&](uint64_t offset, auto value) {
    std::string file = good;
    test::Poke(file, offset, value);
    const auto dataset = Open(file);
    return dataset ? "opened" : dataset.error().message.substr(path.size() + 2);
  };
  EXPECT_EQ(message(0, u16le(1)),
            "offset 0: version 1, expected 2 (not a .beton file, or of another time)");
  EXPECT_EQ(message(2, u16le(0)), "offset 2: no fields, expected at least one");
  EXPECT_EQ(message(4, u32le(3 << 20)),
            "offset 4: page size 3145728, expected a power of two from 4096 to 2147483648");
  EXPECT_EQ(message(8, u64le(uint64_t{1} << 45)),
            "offset 8: 35184372088832 samples, expected fewer than 35184372088832");
  EXPECT_EQ(message(16, u64le(0)), "offset 16: no allocation table: the file was never finished");
  EXPECT_EQ(message(16, u64le(good.size() + 1)), "ends at " + std::to_string(good.size()) +
                                                     ", the allocation table starts at " +
                                                     std::to_string(good.size() + 1));
  EXPECT_EQ(
      message(16, u64le(24)),
      "offset 16: the allocation table starts at 24, inside the metadata, which ends at 7551");
}

TEST_F(DatasetTest, AFileIsRefusedWithTheKindThatSaysWhatToDo) {
  const auto kind = [&](uint64_t offset, auto value) {
    std::string file = test::MixedBeton().Build();
    test::Poke(file, offset, value);
    return Open(file).error().kind;
  };
  EXPECT_EQ(kind(0, u16le(3)), ErrorKind::kUnsupported);
  EXPECT_EQ(kind(4, u32le(2048)), ErrorKind::kCorrupt);
  EXPECT_EQ(kind(16, u64le(0)), ErrorKind::kTruncated);
  EXPECT_EQ(Dataset::Open(dir_.path()).error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(Dataset::Open(dir_ / "none").error().kind, ErrorKind::kNotFound);
}

TEST_F(DatasetTest, OneBadCellIsOneBadSample) {
  const std::string good = test::MixedBeton().Build();
  const auto dataset = Opened(good);
  const Field& image = *dataset->schema().Find("image");
  const uint64_t cell = dataset->rows().offset + dataset->schema().row_size_bytes() +
                        image.cell_offset + offsetof(RawRgbCell, payload_offset);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{7000}, ~uint64_t{0}}) {
    std::string file = good;
    test::Poke(file, cell, u64le(offset));
    const auto damaged = Opened(file);
    const Field& field = *damaged->schema().Find("image");
    EXPECT_EQ(damaged->PayloadOf(SampleIndex{1}, field).error().kind, ErrorKind::kCorrupt);
    EXPECT_TRUE(damaged->PayloadOf(SampleIndex{0}, field));
    EXPECT_TRUE(damaged->PayloadOf(SampleIndex{2}, field));
  }
}

TEST_F(DatasetTest, APayloadOutsideThePagesIsRefusedEvenIfCellAndRowAgree) {
  BetonBuilder builder;
  builder.Field(FieldType::kNdArray, "a", {4}, R"([["", "|u1"]])").Sample({test::Blob("1234")});
  const std::string good = builder.Build();
  const auto whole = Opened(good);
  const uint64_t cell = whole->rows().offset;
  const uint64_t row = whole->table_extent().offset;
  for (const uint64_t offset : {uint64_t{0}, cell, row - 3, row, good.size() - 4, good.size(),
                                ~uint64_t{0} - 3, ~uint64_t{0}}) {
    std::string file = good;
    test::Poke(file, cell, u64le(offset));
    test::Poke(file, row + offsetof(RawTableRow, payload_offset), u64le(offset));
    const auto dataset = Opened(file);
    EXPECT_EQ(dataset->PayloadOf(SampleIndex{0}, dataset->schema().fields()[0]).error().kind,
              ErrorKind::kCorrupt)
        << offset;
  }
}

TEST_F(DatasetTest, ZeroLengthPayloadsOfFfcvAreEmpty) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "b").ZeroLengths(BetonBuilder::ZeroLength::kFfcv);
  for (const char* bytes : {"", "", "hello", "", "world", ""}) builder.Sample({test::Blob(bytes)});
  for (const auto order : {BetonBuilder::TableOrder::kBySample, BetonBuilder::TableOrder::kReversed,
                           BetonBuilder::TableOrder::kShuffled}) {
    const auto dataset = Opened(builder.Order(order).Build());
    EXPECT_EQ(TextOf(*dataset, 0, "b"), "");
    EXPECT_EQ(TextOf(*dataset, 2, "b"), "hello");
    EXPECT_EQ(TextOf(*dataset, 3, "b"), "");
    EXPECT_EQ(TextOf(*dataset, 4, "b"), "world");
    EXPECT_EQ(TextOf(*dataset, 5, "b"), "");
  }
}

TEST_F(DatasetTest, AnArrayWhoseRowSaysItIsEmptyIsDamaged) {
  // (3, 0) reads as (3,), for the file does not keep trailing zeros.
  BetonBuilder builder;
  builder.Field(FieldType::kNdArray, "a", {3, 0}, R"([["", "<f4"]])").Sample({test::Blob("")});
  const auto dataset = Opened(builder.Build());
  EXPECT_EQ(dataset->PayloadOf(SampleIndex{0}, dataset->schema().fields()[0]).error().kind,
            ErrorKind::kCorrupt);
}

TEST_F(DatasetTest, AFileWithoutSamplesHasNone) {
  const auto dataset = Opened(BetonBuilder().Field(FieldType::kInt, "x").Build());
  EXPECT_EQ(dataset->num_samples(), 0u);
  EXPECT_EQ(dataset->Row(SampleIndex{0}).error().kind, ErrorKind::kInvalidArgument);
}

TEST_F(DatasetTest, FindsTheSamplesOfAPage) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "b");
  for (int i = 0; i < 10; ++i) builder.Sample({test::Blob(std::string(1500, 'x'))});
  const auto dataset = Opened(builder.Build());
  ASSERT_TRUE(dataset->samples_ascend());
  // Two to a page of 4096, the first page behind header, descriptors and rows.
  const auto second_page = dataset->SamplesIn(Extent{8192, 4096});
  ASSERT_TRUE(second_page);
  EXPECT_EQ(second_page->first, 2u);
  EXPECT_EQ(second_page->count, 2u);
  EXPECT_EQ(dataset->SamplesIn(Extent{0, 4096})->count, 0u);
  EXPECT_EQ(dataset->SamplesIn(Extent{0, ~uint64_t{0}})->count, 10u);
  EXPECT_EQ(dataset->SamplesIn(Extent{1 << 20, ~uint64_t{0}})->count, 0u);
}

TEST_F(DatasetTest, SamplesOutOfOrderAreNotAscribedToPages) {
  BetonBuilder builder;
  builder.Field(FieldType::kNdArray, "a", {1}, R"([["", "|u1"]])");
  for (int i = 0; i < 3; ++i) builder.Sample({test::Blob("x")});
  std::string file = builder.Build();
  const auto dataset = Opened(file);
  const uint64_t rows = dataset->rows().offset;
  const auto first = test::Peek<u64le>(file, rows);
  test::Poke(file, rows, test::Peek<u64le>(file, rows + 8));
  test::Poke(file, rows + 8, first);
  const auto swapped = Opened(file);
  EXPECT_FALSE(swapped->samples_ascend());
  EXPECT_EQ(swapped->SamplesIn(Extent{0, 1 << 20}).error().kind, ErrorKind::kUnsupported);
}

TEST_F(DatasetTest, FilesOfOursRefuseOrServeEveryTruncation) {
  const std::string whole = test::NamedBeton().Build();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Open(whole.substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace betonfs
