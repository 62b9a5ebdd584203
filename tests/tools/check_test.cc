#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/beton_builder.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_dir.h"
#include "tools/check_report.h"
#include "tools/exit_codes.h"

namespace betonfs::test {
namespace {

using testing::HasSubstr;

CheckReport Damaged() {
  CheckReport report;
  report.findings.push_back(
      {Severity::kDamage, "contents", "found 1, expected 2", SampleIndex{7}, "a/b\n.jpg"});
  report.num_findings = 5;
  report.num_damages = 5;
  report.num_damaged_samples = 4;
  report.num_samples = 1000;
  report.has_checksums = true;
  return report;
}

TEST(CheckReport, TextNamesFindingsAndCountsTheRest) {
  const std::string text = CheckReportText("x.beton", Damaged());
  EXPECT_THAT(text,
              HasSubstr("damage   contents       sample 7: a/b\\n.jpg: found 1, expected 2\n"));
  EXPECT_THAT(text, HasSubstr("and 4 findings more"));
  EXPECT_THAT(text, HasSubstr("5 damages, 4 samples damaged"));
}

TEST(CheckReport, JsonHoldsThePathAsItIs) {
  const auto json = nlohmann::json::parse(CheckReportsAsJson("x.beton", Damaged(), {}));
  EXPECT_EQ(json["check"]["findings"][0]["path"], "a/b\n.jpg");
  EXPECT_EQ(json["check"]["num_findings"], 5);
  EXPECT_FALSE(json.contains("ffcv"));
}

TEST(CheckReport, FfcvNeedsAModeThatWorksAndRightImages) {
  FfcvReport report;
  EXPECT_TRUE(IsFitForFfcv(report));
  report.num_bad_images = 1;
  EXPECT_FALSE(IsFitForFfcv(report));
  report.num_bad_images = 0;
  report.modes[0].works = false;
  EXPECT_TRUE(IsFitForFfcv(report));
  for (FfcvMode& mode : report.modes) mode.works = false;
  EXPECT_FALSE(IsFitForFfcv(report));
}

class CheckCommandTest : public testing::Test {
 protected:
  TempDir dir_;
};

TEST_F(CheckCommandTest, PassesASoundFile) {
  const Ran ran = RunBetonfs({"check", dir_.Write("x.beton", NamedBeton().Build())});
  EXPECT_EQ(ran.exit_code, kExitOk) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("compared with checksums: no damage"));
}

TEST_F(CheckCommandTest, NamesADamagedSample) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data").Sample({Blob("good")}).Sample({Blob("spoilt")});
  builder.Paths({"dir/good.bin", "dir/spoilt.bin"});
  std::string file = builder.Build();
  file[file.find("spoilt")] = 'X';  // the payload comes before the name
  const Ran ran = RunBetonfs({"check", dir_.Write("x.beton", file)});
  EXPECT_EQ(ran.exit_code, kExitDamage);
  EXPECT_THAT(ran.out, HasSubstr("dir/spoilt.bin"));
  EXPECT_THAT(ran.out, HasSubstr("1 samples damaged"));
}

TEST_F(CheckCommandTest, RefusesWhatIsNoDataset) {
  EXPECT_EQ(RunBetonfs({"check", dir_.Write("x", "not a dataset")}).exit_code, kExitBadFile);
  EXPECT_EQ(RunBetonfs({"check", dir_ / "none"}).exit_code, kExitNotFound);
}

TEST_F(CheckCommandTest, SaysWhatFfcvMakesOfAFile) {
  if (!FixturesDir()) GTEST_SKIP() << kNoFixtures;
  const Ran good =
      RunBetonfs({"check", "--ffcv", "--decode", *FixturesDir() + "/rgb_jpg_var.beton"});
  EXPECT_EQ(good.exit_code, kExitOk) << good.out << good.err;
  EXPECT_THAT(good.out, HasSubstr("QUASI_RANDOM"));
  const Ran bad = RunBetonfs({"check", "--ffcv", "--json", *FixturesDir() + "/nd_struct.beton"});
  EXPECT_EQ(bad.exit_code, kExitDamage);
  EXPECT_EQ(nlohmann::json::parse(bad.out)["ffcv"]["loads"], false);
}

}  // namespace
}  // namespace betonfs::test
