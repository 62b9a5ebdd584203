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

}  // namespace
}  // namespace betonfs
