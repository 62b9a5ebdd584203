#include "core/structure_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/dataset.h"
#include "core/file.h"
#include "core/schema_choice.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::ReadFile;
using test::TempDir;
using testing::HasSubstr;

// Two samples of one Bytes field, "first" and "second", on one page at 4096.
class StructureWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [offset, text] : {std::pair(kPage, "first"), {kPage + 5, "second"}}) {
      ASSERT_TRUE(WriteAt(fd_.get(), AsBytes(std::string_view(text)), offset, path_));
    }
  }

  Structures Parts() {
    return {.schema = &schema_,
            .page_size_bytes = 4096,
            .num_samples = 2,
            .rows = std::as_bytes(std::span(rows_)),
            .table = std::as_bytes(std::span(table_)),
            .pages_end = kPage + 11};
  }

  std::string TextOf(const Dataset& dataset, uint64_t sample) {
    const auto payload = dataset.PayloadOf(SampleIndex{sample}, dataset.schema().fields()[0]);
    return payload ? std::string(AsText(payload->bytes)) : payload.error().message;
  }

  static constexpr uint64_t kPage = 4096;
  TempDir dir_;
  std::string path_ = dir_ / "f.beton";
  UniqueFd fd_ = *OpenFile(path_, O_RDWR | O_CREAT, 0644);
  Schema schema_ = MakeFileSchema(SchemaKind::kBytes, false);
  std::vector<u64le> rows_{u64le(kPage), u64le(5), u64le(kPage + 5), u64le(6)};
  std::vector<RawTableRow> table_{{0, kPage, 5}, {1, kPage + 5, 6}};
};

TEST_F(StructureWriterTest, APlainFileEndsWithItsTableRightBehindThePages) {
  const auto size = WriteStructures(fd_.get(), Parts(), path_);
  ASSERT_TRUE(size) << size.error().message;
  EXPECT_EQ(*size, kPage + 11 + 2 * sizeof(RawTableRow));
  EXPECT_EQ(*size, std::filesystem::file_size(path_));
  const auto dataset = *Dataset::Open(path_);
  EXPECT_EQ(dataset->index(), nullptr);
  EXPECT_EQ(TextOf(*dataset, 0), "first");
  EXPECT_EQ(TextOf(*dataset, 1), "second");
}

TEST_F(StructureWriterTest, WhatLayBehindThePagesIsGone) {
  ASSERT_TRUE(WriteAt(fd_.get(), AsBytes(std::string(20'000, 'x')), kPage + 11, path_));
  ASSERT_TRUE(WriteStructures(fd_.get(), Parts(), path_));
  EXPECT_EQ(ReadFile(path_).find('x'), std::string::npos);
}

TEST_F(StructureWriterTest, NoPagesMeansTheTableFollowsTheRows) {
  Structures parts = Parts();
  parts.num_samples = 0;
  parts.rows = {};
  parts.table = {};
  parts.pages_end = 0;
  const auto size = WriteStructures(fd_.get(), parts, path_);
  ASSERT_TRUE(size) << size.error().message;
  EXPECT_EQ(*size, RowsEnd(schema_, 0));
  EXPECT_EQ((*Dataset::Open(path_))->num_samples(), 0u);
}

TEST_F(StructureWriterTest, PartsThatDoNotFitEachOtherAreRefusedAndNothingIsWritten) {
  const std::string before = ReadFile(path_);
  std::vector<Structures> misfits(4, Parts());
  misfits[0].rows = misfits[0].rows.first(16);
  misfits[1].table = misfits[1].table.first(sizeof(RawTableRow));
  misfits[2].pages_end = RowsEnd(schema_, 2) - 1;
  const IndexSections no_samples;
  misfits[3].index = &no_samples;
  for (const Structures& parts : misfits) {
    const auto size = WriteStructures(fd_.get(), parts, path_);
    ASSERT_FALSE(size);
    EXPECT_EQ(size.error().kind, ErrorKind::kInvalidArgument);
    EXPECT_THAT(size.error().message, HasSubstr("do not fit 2 samples of 16 bytes a row"));
  }
  EXPECT_EQ(ReadFile(path_), before);
}

}  // namespace
}  // namespace betonfs
