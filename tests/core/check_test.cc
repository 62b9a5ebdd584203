#include "core/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "core/working_memory.h"
#include "tests/support/beton_builder.h"
#include "tests/support/paths.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CheckTest : public testing::Test {
 protected:
  CheckReport Report(const std::string& file, CheckOptions options = {}) {
    auto dataset = Dataset::Open(dir_.Write("d.beton", file));
    EXPECT_TRUE(dataset) << dataset.error().message;
    auto report = Check(**dataset, options);
    EXPECT_TRUE(report) << report.error().message;
    return *report;
  }
  // One word per finding: its kind, and the sample it names.
  std::vector<std::string> Kinds(const std::string& file) {
    std::vector<std::string> kinds;
    for (const Finding& finding : Report(file).findings) {
      kinds.push_back(finding.kind);
      if (finding.sample) kinds.back() += " " + std::to_string(Number(*finding.sample));
    }
    return kinds;
  }
  test::TempDir dir_;
};

TEST_F(CheckTest, GoodFilesHaveNoFindings) {
  const CheckReport ours = Report(test::NamedBeton().Build());
  EXPECT_THAT(ours.findings, IsEmpty());
  EXPECT_TRUE(ours.has_checksums);
  EXPECT_EQ(ours.num_samples, 4u);
  EXPECT_EQ(ours.num_payload_bytes, 406u);
  const CheckReport plain = Report(test::MixedBeton().Build());
  EXPECT_THAT(plain.findings, IsEmpty());
  EXPECT_FALSE(plain.has_checksums);
  using Order = BetonBuilder::TableOrder;
  EXPECT_THAT(Kinds(test::MixedBeton().Order(Order::kShuffled).Build()), IsEmpty());
}

// A file that is all hole costs its maker nothing; looking into it must not cost the memory.
TEST_F(CheckTest, RefusesATableThatMemoryCannotHold) {
  const uint64_t num_samples = WorkingMemoryLimitBytes() / sizeof(RawTableRow);
  std::string start = BetonBuilder().Field(FieldType::kBytes, "data").Build();
  auto header = test::Peek<RawHeader>(start, 0);
  header.num_samples = num_samples;
  header.alloc_table_offset = start.size() + num_samples * 16;
  test::Poke(start, 0, header);
  const std::string path = dir_.Write("holes.beton", start);
  std::filesystem::resize_file(path, header.alloc_table_offset + num_samples * sizeof(RawTableRow));
  const auto dataset = Dataset::Open(path);
  ASSERT_TRUE(dataset) << dataset.error().message;
  const auto report = Check(**dataset, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(report.error().message, HasSubstr("holes.beton: checking its allocation table"));
}

TEST_F(CheckTest, NamesTheDamagedSample) {
  std::string file = test::NamedBeton().Build();
  file[file.find("cccc") + 50] ^= 1;
  const CheckReport report = Report(file);
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings[0].kind, "contents");
  EXPECT_EQ(report.findings[0].path, "dogs/deep/c.jpg");
  EXPECT_EQ(report.findings[0].sample, SampleIndex{2});
  EXPECT_THAT(report.findings[0].message, HasSubstr("(dogs/deep/c.jpg)"));
  EXPECT_EQ(report.num_damaged_samples, 1u);
}

TEST_F(CheckTest, FindsABadByteWhereNothingLies) {
  std::string file = test::NamedBeton().Build();
  file[4000] = 'x';  // between rows and pages
  EXPECT_THAT(Kinds(file), ElementsAre("padding"));
}

TEST_F(CheckTest, FindsDamageInRowsAndNamesTheSamples) {
  std::string file = test::NamedBeton().Build();
  file[24 + 2 * 1041 + 1] ^= 1;
  EXPECT_THAT(Kinds(file),
              ElementsAre("structure", "sample 0", "sample 1", "sample 2", "sample 3"));
}

TEST_F(CheckTest, FindsARegionOfOursWithoutMagic) {
  std::string file = test::NamedBeton().Build();
  const uint64_t table = test::Peek<RawHeader>(file, 0).alloc_table_offset;
  for (size_t i = 0; i < 8; ++i) {
    std::string damaged = file;
    damaged[table - sizeof(RawTrailer) + i] ^= 0x40;
    EXPECT_THAT(Kinds(damaged), ElementsAre("index")) << i;
  }
}

TEST_F(CheckTest, FindsARegionOfOursThatTheHeaderLeadsPast) {
  std::string file = test::NamedBeton().Build();
  const uint64_t table = test::Peek<RawHeader>(file, 0).alloc_table_offset;
  test::Poke(file, offsetof(RawHeader, alloc_table_offset), u64le(table - 240));
  EXPECT_THAT(Kinds(file), testing::Contains("index"));
}

TEST_F(CheckTest, ComparesStoredSizes) {
  const auto builder =
      test::NamedBeton().EditIndex([](auto& index) { index.samples[1].size_bytes = 1; });
  EXPECT_THAT(Kinds(builder.Build()), ElementsAre("size 1"));
}

TEST_F(CheckTest, PayloadsOfOursDoNotOverlap) {
  // Sample 1 reaches into sample 2, in a file whose checksums are right.
  const auto builder = test::NamedBeton().EditTable(
      [](auto& rows) { rows[1].payload_size_bytes = rows[1].payload_size_bytes + 1; });
  EXPECT_THAT(Kinds(builder.Build()), ElementsAre("contents 1", "order 2"));
}

TEST_F(CheckTest, ReportsTheRowsOfPlainFiles) {
  BetonBuilder builder;
  builder.Field(FieldType::kNdArray, "a", {4}, R"([["", "|u1"]])");
  for (int i = 0; i < 3; ++i) builder.Sample({test::Blob("1234")});
  const auto with = [&](std::function<void(std::vector<RawTableRow>&)> edit) {
    return Kinds(builder.EditTable(std::move(edit)).Build());
  };
  EXPECT_THAT(with([](auto& rows) { rows.push_back(rows[1]); }), ElementsAre("duplicate_row"));
  EXPECT_THAT(with([](auto& rows) { rows.push_back({1, 4200, 1}); }), ElementsAre("unused_row"));
  EXPECT_THAT(with([](auto& rows) { rows.push_back({99, 0, 5}); }), ElementsAre("foreign_row"));
  EXPECT_THAT(with([](auto& rows) {
                rows.push_back({1, rows[0].payload_offset + 2, 1});
              }),
              ElementsAre("unused_row", "overlap"));
  EXPECT_THAT(with([](auto& rows) {
                rows.push_back({1, rows[0].payload_offset, 1});
              }),
              ElementsAre("unused_row", "shared_offset"));
  EXPECT_THAT(with([](auto& rows) { rows[2].sample = 1; }), ElementsAre("unused_row", "sample 2"));
}

TEST_F(CheckTest, KeepsTheFirstFindingsAndCountsAll) {
  std::string file = test::NamedBeton().Build();
  for (const char* payload : {"aaaa", "bbbb", "cccc", "dddd"}) file[file.find(payload)] ^= 1;
  CheckOptions options;
  options.max_findings = 2;
  options.num_threads = 2;
  const CheckReport report = Report(file, options);
  ASSERT_EQ(report.findings.size(), 2u);
  EXPECT_EQ(report.findings[0].sample, SampleIndex{0});
  EXPECT_EQ(report.findings[1].sample, SampleIndex{1});
  EXPECT_EQ(report.num_damages, 4u);
  EXPECT_EQ(report.num_damaged_samples, 4u);
}

TEST_F(CheckTest, StopsWhenCancelledAndTellsItsProgress) {
  auto dataset = Dataset::Open(dir_.Write("d.beton", test::NamedBeton().Build()));
  std::atomic<bool> cancel{true};
  std::atomic<uint64_t> samples{0}, bytes{0};
  CheckOptions options;
  options.cancel = &cancel;
  options.progress = [&](uint64_t n, uint64_t size) { samples += n, bytes += size; };
  EXPECT_EQ(Check(**dataset, options).error().kind, ErrorKind::kCancelled);
  cancel = false;
  EXPECT_TRUE(Check(**dataset, options));
  EXPECT_EQ(samples, 4u);
  EXPECT_EQ(bytes, 406u);
}

TEST_F(CheckTest, FixturesHaveTheirKnownDefectsAndNoOthers) {
  const auto fixtures = test::FixturesDir();
  if (!fixtures) GTEST_SKIP() << test::kNoFixtures;
  const std::map<std::string, std::set<std::string>> known = {{"bytes_zero", {"shared_offset"}},
                                                              {"name_clash16", {"field_name"}}};
  for (const auto& file : std::filesystem::directory_iterator(*fixtures)) {
    if (file.path().extension() != ".beton") continue;
    const auto dataset = Dataset::Open(file.path());
    ASSERT_TRUE(dataset);
    const auto report = Check(**dataset, {});
    std::set<std::string> kinds;
    for (const Finding& finding : report->findings) kinds.insert(finding.kind);
    const auto expected = known.find(file.path().stem());
    EXPECT_EQ(kinds, expected == known.end() ? std::set<std::string>{} : expected->second)
        << file.path();
    EXPECT_EQ(report->num_damages, 0u);
  }
}

}  // namespace
}  // namespace betonfs
