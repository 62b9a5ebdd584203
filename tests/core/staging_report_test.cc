// What a commit says it did.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/staging_commit.h"

namespace betonfs {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

CommitReport SomeReport() {
  CommitReport report;
  report.beton_path = "/data/photos.beton";
  report.num_samples = 3;
  report.schema = "image";
  report.payload_bytes = 3 << 20;
  report.num_pages = 1;
  report.page_size_bytes = 4 << 20;
  return report;
}

TEST(CommitReport, SurvivesItsWayThroughJson) {
  CommitReport report = SomeReport();
  report.beton_path = "/a \"b\".beton";
  report.carried_bytes = 7;
  report.carried_by_reflink = true;
  report.classes = {"cat", "dog"};
  report.warnings = {"one\ntwo"};
  report.skipped.push_back({"x\ny", "junk name"});
  report.links.push_back({"l", "t", PlannedLink::Kind::kHardLink, true});
  report.links.push_back({"s", "t", PlannedLink::Kind::kSymlink, false});
  report.oversize = {"huge"};
  const auto back = CommitReport::FromJson(report.ToJson());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->ToJson(), report.ToJson());
  EXPECT_EQ(back->ToText(), report.ToText());
}

TEST(CommitReport, AnythingElseIsNotAReport) {
  for (const char* text :
       {"", "[1", "[]", "{\"something\": \"else\"}", "{\"samples\": \"many\"}",
        "{\"samples\": 1, \"classes\": 7}", "{\"samples\": 1, \"skipped\": [3]}",
        "{\"samples\": 1, \"links\": [{\"path\": null}]}", "{\"samples\": 1, \"dry_run\": []}"}) {
    const auto report = CommitReport::FromJson(text);
    ASSERT_FALSE(report) << text;
    EXPECT_EQ(report.error().kind, ErrorKind::kCorrupt) << text;
  }
}

TEST(CommitReport, NamesThatAreNotUtf8DoNotSpoilTheJson) {
  CommitReport report = SomeReport();
  report.skipped.push_back({"caf\xE9", "junk name"});
  const auto back = CommitReport::FromJson(report.ToJson());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->skipped[0].path, "caf\xEF\xBF\xBD");
}

TEST(CommitReport, TextSaysHowFullThePagesAre) {
  EXPECT_THAT(SomeReport().ToText(), HasSubstr("pages: 1 of 4194304 bytes, 75.0 % full"));
  EXPECT_EQ(CommitReport().fill(), 0);
}

TEST(CommitReport, TextOfADryRunSpeaksOfWhatWouldBe) {
  CommitReport report = SomeReport();
  report.dry_run = report.rewritten = true;
  EXPECT_THAT(report.ToText(), HasSubstr("would commit /data/photos.beton\n"));
  EXPECT_THAT(report.ToText(), HasSubstr("would rewrite all pages\n"));
  EXPECT_THAT(report.ToText(), Not(HasSubstr("pages: ")));
}

TEST(CommitReport, TextSaysWhatBecameOfTheDatasetBefore) {
  CommitReport report = SomeReport();
  report.dead_bytes = 10;
  report.carried_bytes = 20;
  EXPECT_THAT(report.ToText(), HasSubstr("carried over: 20 bytes by copying\n"));
  EXPECT_THAT(report.ToText(), HasSubstr("removed files, now holes\n"));
  report.carried_by_reflink = true;
  EXPECT_THAT(report.ToText(), HasSubstr("by reflink\n"));
  report.rewritten = true;
  EXPECT_THAT(report.ToText(), HasSubstr("rewrote all pages\n"));
  EXPECT_THAT(report.ToText(), HasSubstr("removed files, left behind\n"));
}

TEST(CommitReport, TextSaysWhatBecameOfLinks) {
  CommitReport report = SomeReport();
  report.links.push_back({"a", "b", PlannedLink::Kind::kHardLink, true});
  report.links.push_back({"out", "../x", PlannedLink::Kind::kSymlink, false});
  EXPECT_THAT(report.ToText(), HasSubstr("links: 2\n"
                                         "  a -> b (hard link, stored as a copy)\n"
                                         "  out -> ../x (symlink, left out: leads to no file in "
                                         "the tree)\n"));
}

TEST(CommitReport, TextNamesTheFirstTwentyAndCountsTheRest) {
  CommitReport report = SomeReport();
  for (int i = 1; i <= 23; ++i) report.skipped.push_back({std::to_string(i), "junk name"});
  EXPECT_THAT(report.ToText(), HasSubstr("skipped: 23\n  1 (junk name)\n"));
  EXPECT_THAT(report.ToText(), EndsWith("  20 (junk name)\n  and 3 more\n"));
}

TEST(CommitReport, TextPrintsNoNameUnescaped) {
  CommitReport report = SomeReport();
  report.beton_path = "/a\nb";
  report.oversize = {"c\033[31m"};
  EXPECT_THAT(report.ToText(), Not(HasSubstr("a\nb")));
  EXPECT_THAT(report.ToText(), Not(HasSubstr("\033")));
}

}  // namespace
}  // namespace betonfs
