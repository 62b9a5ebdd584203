#include "fs/verify.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>

#include "fs/sigbus_guard.h"
#include "tests/support/beton_builder.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::BetonBuilder;

// Two samples of two payloads each, with an index region.
BetonBuilder TwoPayloads() {
  return BetonBuilder()
      .Field(FieldType::kBytes, "first")
      .Field(FieldType::kBytes, "second")
      .Sample({test::Blob("one"), test::Blob("two")})
      .Sample({test::Blob("three"), test::Blob("four")});
}

class ContentsCheckTest : public testing::Test {
 protected:
  void Open(const std::string& file) {
    dataset_ = std::move(*Dataset::Open(dir_.Write("a.beton", file)));
    check_.emplace(*dataset_);
  }

  test::TempDir dir_;
  std::unique_ptr<Dataset> dataset_;
  std::optional<ContentsCheck> check_;
};

TEST_F(ContentsCheckTest, SoundSamplesPass) {
  Open(TwoPayloads().Paths({"a", "b"}).Build());
  EXPECT_TRUE(check_->possible());
  EXPECT_TRUE(check_->Check(SampleIndex{0}));
  EXPECT_TRUE(check_->Check(SampleIndex{1}));
  EXPECT_EQ(check_->num_failed(), 0u);
}

TEST_F(ContentsCheckTest, OneFlippedBitOfAnyPayloadFailsThatSampleAlone) {
  std::string file = TwoPayloads().Paths({"a", "b"}).Build();
  file[file.find("four")] ^= 1;
  Open(file);
  EXPECT_TRUE(check_->Check(SampleIndex{0}));
  const Status bad = check_->Check(SampleIndex{1});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, ErrorKind::kCorrupt);
  EXPECT_NE(bad.error().message.find("sample 1: contents have checksum"), std::string::npos)
      << bad.error().message;
  EXPECT_FALSE(check_->Check(SampleIndex{1})) << "what failed once is not believed later";
  EXPECT_EQ(check_->num_failed(), 2u);
}

TEST_F(ContentsCheckTest, WhatWasVerifiedIsNotReadAgain) {
  Open(TwoPayloads().Paths({"a", "b"}).Build());
  EXPECT_TRUE(check_->Check(SampleIndex{0}));
  ASSERT_EQ(truncate(dataset_->path().c_str(), 0), 0);
  EXPECT_TRUE(check_->Check(SampleIndex{0})) << "not a page of it was touched";
}

TEST_F(ContentsCheckTest, ASampleThatWasCutOffIsAnError) {
  Open(TwoPayloads().Paths({"a", "b"}).Build());
  const SigbusGuard guard(dataset_->bytes(), dataset_->file().fd(), dataset_->path());
  ASSERT_EQ(truncate(dataset_->path().c_str(), 0), 0);
  const Status lost = check_->Check(SampleIndex{0});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, ErrorKind::kIo);
}

TEST_F(ContentsCheckTest, AFileWithoutChecksumsPassesUnchecked) {
  Open(TwoPayloads().Build());
  EXPECT_FALSE(check_->possible());
  EXPECT_TRUE(check_->Check(SampleIndex{0}));
}

class VerifyStructuresTest : public testing::Test {
 protected:
  Status Verify(const std::string& file) {
    auto dataset = Dataset::Open(dir_.Write("a.beton", file));
    if (!dataset) return tl::unexpected(dataset.error());
    return VerifyStructures(**dataset);
  }

  test::TempDir dir_;
};

TEST_F(VerifyStructuresTest, SoundFilesPassWithAndWithoutAnIndex) {
  EXPECT_TRUE(Verify(TwoPayloads().Paths({"a", "b"}).Build()));
  EXPECT_TRUE(Verify(TwoPayloads().Build()));
  EXPECT_TRUE(Verify(test::MixedBeton().Build()));
}

TEST_F(VerifyStructuresTest, AFlippedByteOfAName) {
  std::string file = TwoPayloads().Paths({"some-name", "b"}).Build();
  file[file.find("some-name") + 3] ^= 1;
  const Status status = Verify(file);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kCorrupt);
}

TEST_F(VerifyStructuresTest, ARowOfTheTableThatLeadsOutOfTheFile) {
  const std::string file = TwoPayloads()
                               .EditTable([](auto& rows) {
                                 for (auto& row : rows) row.payload_size_bytes = uint64_t{1} << 60;
                               })
                               .Build();
  const Status status = Verify(file);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kCorrupt);
  EXPECT_NE(status.error().message.find("(and 1 more: see betonfs check)"), std::string::npos)
      << status.error().message;
}

TEST_F(VerifyStructuresTest, AnIndexThatCannotBeUsed) {
  const std::string file = TwoPayloads()
                               .Paths({"a", "b"})
                               .EditTrailer([](RawTrailer& trailer) { trailer.num_samples = 7; })
                               .Build();
  EXPECT_FALSE(Verify(file));
}

TEST(ParseVerifyMode, KnowsThreeWords) {
  EXPECT_EQ(ParseVerifyMode("off"), VerifyMode::kOff);
  EXPECT_EQ(ParseVerifyMode("open"), VerifyMode::kOpen);
  EXPECT_EQ(ParseVerifyMode("read"), VerifyMode::kRead);
  EXPECT_EQ(ParseVerifyMode("always"), std::nullopt);
}

}  // namespace
}  // namespace betonfs
