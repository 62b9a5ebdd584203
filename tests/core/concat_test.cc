#include "core/concat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/check.h"
#include "core/dataset.h"
#include "core/ffcv_check.h"
#include "core/pack.h"
#include "tests/support/beton_builder.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ConcatTest : public ::testing::Test {
 protected:
  std::string PackFiles(const std::string& name,
                        const std::vector<std::pair<std::string, std::string>>& files,
                        const PackOptions& options = {}) {
    const TempDir source;
    for (const auto& [path, contents] : files) source.Write(path, contents);
    EXPECT_TRUE(Pack(source.path(), dir_ / name, options));
    return dir_ / name;
  }

  ConcatReport ConcatOrDie(const std::vector<std::string>& inputs) {
    auto report = Concat(inputs, out_, {.existing = ReplacementFile::Existing::kReplace});
    if (!report) {
      ADD_FAILURE() << report.error().message;
      return {};
    }
    dataset_ = *Dataset::Open(out_);
    EXPECT_NE(dataset_->index(), nullptr);
    EXPECT_TRUE(dataset_->index()->VerifyAll().empty());
    EXPECT_TRUE(dataset_->samples_ascend());
    return *report;
  }

  std::string ContentsOf(const std::string& path) {
    const auto entry = *dataset_->index()->Resolve(path);
    EXPECT_TRUE(entry) << path;
    const SampleIndex sample = dataset_->index()->EntryAt(*entry)->sample();
    const auto payload = dataset_->PayloadOf(sample, dataset_->schema().fields()[0]);
    EXPECT_TRUE(payload) << payload.error().message;
    return std::string(AsText(payload->bytes));
  }

  const TempDir dir_;
  const std::string out_ = dir_ / "out.beton";
  std::unique_ptr<Dataset> dataset_;
};

TEST_F(ConcatTest, MergesTreesAndKeepsEveryByte) {
  const auto a = PackFiles("a", {{"cat/1", "one"}, {"dog/2", ""}});
  const auto b = PackFiles("b", {{"cat/3", std::string(9000, 'b')}, {"dog/4", "four"}});
  const ConcatReport report = ConcatOrDie({a, b});
  EXPECT_EQ(report.num_samples, 4u);
  EXPECT_EQ(report.page_size_bytes, 16384u) << "the larger of the two";
  EXPECT_THAT(report.warnings, IsEmpty());
  EXPECT_EQ(ContentsOf("cat/1"), "one");
  EXPECT_EQ(ContentsOf("dog/2"), "");
  EXPECT_EQ(ContentsOf("cat/3"), std::string(9000, 'b'));
  EXPECT_EQ(ContentsOf("dog/4"), "four");
  EXPECT_EQ(*dataset_->index()->PathOf(SampleIndex{2}), "cat/3") << "inputs in their order";
}

TEST_F(ConcatTest, OneFileOfOursStaysTheSameByteForByte) {
  const auto a = PackFiles("a", {{"cat/1", "one"}, {"dog/2", ""}, {"dog/3", "3"}});
  ConcatOrDie({a});
  EXPECT_TRUE(test::ReadFile(a) == test::ReadFile(out_));
}

TEST_F(ConcatTest, FilesWithoutSamplesAddNothing) {
  const auto none = PackFiles("none", {});
  const auto a = PackFiles("a", {{"1", "one"}});
  EXPECT_EQ(ConcatOrDie({none, a, none}).num_samples, 1u);
  EXPECT_EQ(ContentsOf("1"), "one");
}

TEST_F(ConcatTest, ANameInTwoInputsIsRefusedWithBoth) {
  const auto a = PackFiles("a", {{"x/1", "one"}, {"x/2", "two"}});
  const auto b = PackFiles("b", {{"x/2", "two"}});
  const auto report = Concat({a, b}, out_, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(report.error().message, "'x/2' is in " + a + " and in " + b);
  EXPECT_FALSE(fs::exists(out_));

  const auto c = PackFiles("c", {{"x", "a file where another has a directory"}});
  const auto plain = PackFiles("plain", {{"x/1", "one"}}, {.label = {LabelChoice::Mode::kNone, 0}});
  EXPECT_THAT(Concat({plain, c}, out_, {}).error().message, HasSubstr("'x' is in"));
}

TEST_F(ConcatTest, OtherFieldsAreRefused) {
  const auto a = PackFiles("a", {{"x/1", "one"}});
  const auto b = PackFiles("b", {{"y/1", "one"}}, {.label = {LabelChoice::Mode::kNone, 0}});
  EXPECT_THAT(Concat({a, b}, out_, {}).error().message, HasSubstr("its fields are not those of"));
}

TEST_F(ConcatTest, LabelsThatContradictEachOtherAreTold) {
  const auto a = PackFiles("a", {{"cat/1", "1"}, {"dog/1", "1"}});
  const auto b = PackFiles("b", {{"dog/2", "2"}});
  const ConcatReport report = ConcatOrDie({a, b});
  ASSERT_THAT(report.warnings, SizeIs(1));
  EXPECT_THAT(report.warnings[0], HasSubstr("files in 'dog' have label 1"));
}

TEST_F(ConcatTest, AFileWithoutNamesIsRefused) {
  const auto plain = dir_.Write("plain", test::MixedBeton().Build());
  const auto report = Concat({plain}, out_, {});
  EXPECT_EQ(report.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(report.error().message, HasSubstr("no stored names"));
}

TEST_F(ConcatTest, EveryKindOfCellPointsToItsPayload) {
  const auto a = dir_.Write("mixed", test::MixedBeton().Paths({"a", "b", "c"}).Build());
  const auto b = dir_.Write("more", test::MixedBeton().Paths({"d", "e", "f"}).Build());
  ConcatOrDie({a, b});
  const auto original = *Dataset::Open(a);
  for (uint64_t i = 0; i < 6; ++i) {
    for (const Field& field : dataset_->schema().fields()) {
      if (!field.has_payload) continue;
      const auto payload = dataset_->PayloadOf(SampleIndex{i}, field);
      const auto expected = original->PayloadOf(SampleIndex{i % 3}, field);
      ASSERT_TRUE(payload) << payload.error().message;
      EXPECT_EQ(AsText(payload->bytes), AsText(expected->bytes));
      EXPECT_EQ(payload->width, expected->width);
    }
  }
}

// In pages of 4096 the large one spans two or three; in those of the other file it fits one, and
// may not lie across two.
TEST_F(ConcatTest, ASampleThatSpannedPagesIsOnOneOfTheLargerPages) {
  const PackOptions small{.page_size_bytes = 4096}, large{.page_size_bytes = 16384};
  const auto a = PackFiles("a",
                           {{"1", std::string(3000, '1')},
                            {"2", std::string(9000, '2')},
                            {"3", std::string(9000, '3')},
                            {"4", std::string(4096, '4')},
                            {"5", ""},
                            {"6", std::string(20000, '6')}},
                           small);
  const auto b = PackFiles("b", {{"7", "seven"}}, large);
  EXPECT_EQ(ConcatOrDie({a, b}).page_size_bytes, 16384u);
  const Field& data = dataset_->schema().fields()[0];
  for (uint64_t i = 0; i < dataset_->num_samples(); ++i) {
    const Payload payload = *dataset_->PayloadOf(SampleIndex{i}, data);
    if (payload.bytes.empty()) continue;
    if (payload.bytes.size() > 16384) {
      EXPECT_EQ(payload.offset % 16384, 0u) << i;
    } else {
      EXPECT_EQ(payload.offset / 16384, (payload.offset + payload.bytes.size() - 1) / 16384) << i;
    }
  }
  for (const char digit : {'2', '3', '6'}) {
    EXPECT_EQ(ContentsOf({digit}).find_first_not_of(digit), std::string::npos);
  }
  EXPECT_EQ(ContentsOf("5"), "");
  EXPECT_EQ(Check(*dataset_, {.num_threads = 1})->num_findings, 0u);
  EXPECT_EQ(CheckForFfcv(*dataset_, {.num_threads = 1})->num_findings, 1u) << "of 6 alone";
}

TEST_F(ConcatTest, ADamagedInputIsRefusedUnlessItIsTrusted) {
  const auto a = PackFiles("a", {{"x/good", "good"}, {"x/bad", "spoilt"}});
  std::string bytes = test::ReadFile(a);
  bytes[bytes.find("spoilt")] = 'X';
  const auto damaged = dir_.Write("damaged", bytes);
  const auto report = Concat({damaged}, out_, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kCorrupt);
  EXPECT_THAT(report.error().message, AllOf(HasSubstr(damaged), HasSubstr("x/bad")));
  EXPECT_FALSE(fs::exists(out_));
  ASSERT_TRUE(Concat({damaged}, out_, {.verify = false}));
  EXPECT_EQ(Check(**Dataset::Open(out_), {.num_threads = 1})->num_damages, 1u)
      << "its checksum went with it, so that the damage is still found";
}

TEST_F(ConcatTest, CancellingLeavesNothing) {
  const auto a = PackFiles("a", {{"1", "one"}});
  const std::atomic<bool> cancel{true};
  EXPECT_EQ(Concat({a}, out_, {.cancel = &cancel}).error().kind, ErrorKind::kCancelled);
  EXPECT_FALSE(fs::exists(out_));
}

}  // namespace
}  // namespace betonfs
