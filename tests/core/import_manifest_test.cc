#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/import_plan.h"
#include "tests/support/import_columns.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::Columns;
using test::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImportManifestTest : public ::testing::Test {
 protected:
  ImportManifestTest() {
    for (const char* name : {"a", "b", "c"}) dir_.Write(name, "12345");
  }

  Result<ImportPlan> Plan(const std::string& name, const std::string& text) {
    return PlanManifest(dir_.Write(name, text));
  }
  ImportPlan PlanOrDie(const std::string& name, const std::string& text) {
    auto plan = Plan(name, text);
    if (plan) return *std::move(plan);
    ADD_FAILURE() << plan.error().message;
    return {};
  }
  // Of a manifest that must be refused for its contents.
  std::string Complaint(const std::string& name, const std::string& text) {
    const auto plan = Plan(name, text);
    if (plan) return "taken";
    EXPECT_EQ(plan.error().kind, ErrorKind::kInvalidArgument);
    return plan.error().message;
  }
  static std::string JsonOf(const ImportPlan& plan, size_t column, size_t sample) {
    const PayloadOrigin& origin = plan.columns[column].payloads[sample];
    EXPECT_EQ(origin.file, kInText);
    return plan.text.substr(origin.offset, origin.size_bytes);
  }

  const TempDir dir_;
};

TEST_F(ImportManifestTest, AColumnIsWhatAllOfItsValuesAre) {
  const auto plan = PlanOrDie("m.csv",
                              "file_name,count,score,word\n"
                              "a,1,1,7\n"
                              "b,-2,2.5,seven\n");
  EXPECT_THAT(Columns(plan), ElementsAre("data bytes", "count int", "score float", "word json"));
  EXPECT_THAT(plan.columns[1].integers, ElementsAre(1, -2));
  EXPECT_THAT(plan.columns[2].reals, ElementsAre(1, 2.5));
  EXPECT_EQ(JsonOf(plan, 3, 0), "\"7\"") << "a text stays one beside others";
}

TEST_F(ImportManifestTest, TextsThatLookLikeNumbersKeepEveryCharacter) {
  const auto plan = PlanOrDie("m.csv", "file_name,t\na,007\nb,nan\nc,x\n");
  EXPECT_EQ(JsonOf(plan, 1, 0), "\"007\"");
  EXPECT_EQ(JsonOf(plan, 1, 1), "\"nan\"");
}

TEST_F(ImportManifestTest, LabelsOfTextAreRanks) {
  const auto plan = PlanOrDie("m.csv", "file_name,label\na,dog\nb,cat\nc,dog\n");
  EXPECT_THAT(plan.columns[1].integers, ElementsAre(1, 0, 1));
  EXPECT_THAT(plan.classes, ElementsAre("cat", "dog"));
}

TEST_F(ImportManifestTest, QuotesHoldCommasQuotesAndLineEnds) {
  const auto plan = PlanOrDie("m.csv", "file_name,t\r\na,\"x, \"\"y\"\"\r\nz\"\r\n\r\nb,\n");
  EXPECT_EQ(JsonOf(plan, 1, 0), R"("x, \"y\"\r\nz")");
  EXPECT_EQ(JsonOf(plan, 1, 1), "\"\"");
}

TEST_F(ImportManifestTest, AByteOrderMarkIsNoPartOfTheHead) {
  EXPECT_THAT(PlanOrDie("m.csv",
                        "\xef\xbb\xbf"
                        "file_name\na\n")
                  .names,
              ElementsAre("a"));
  EXPECT_THAT(PlanOrDie("m.jsonl", "\xef\xbb\xbf{\"file_name\": \"a\"}\n").names, ElementsAre("a"));
}

TEST_F(ImportManifestTest, PicturesByTheirNames) {
  for (const char* name : {"x.jpg", "y.JPEG", "z.png"}) dir_.Write(name, "?");
  EXPECT_THAT(Columns(PlanOrDie("m.csv", "file_name\nx.jpg\ny.JPEG\nz.png\n")),
              ElementsAre("image image"));
  EXPECT_THAT(Columns(PlanOrDie("m.csv", "file_name\nx.jpg\na\n")), ElementsAre("data bytes"));
}

TEST_F(ImportManifestTest, JsonLinesKeepTypesAndFillHoles) {
  const auto plan =
      PlanOrDie("m.jsonl",
                "{\"file_name\": \"a\", \"n\": 1, \"big\": 9223372036854775808}\n"
                "\n"
                "{\"file_name\": \"b\", \"n\": 2, \"big\": 1, \"box\": [1, \"\\u00e4\"]}\n");
  EXPECT_THAT(Columns(plan), ElementsAre("data bytes", "n int", "big float", "box json"));
  EXPECT_EQ(JsonOf(plan, 3, 0), "null");
  EXPECT_EQ(JsonOf(plan, 3, 1), "[1,\"\\u00e4\"]") << "ASCII alone, as FFCV writes it";
}

TEST_F(ImportManifestTest, ComplaintsSayWhere) {
  EXPECT_THAT(Complaint("m.csv", "name\na\n"), HasSubstr("record 1 has no file_name"));
  EXPECT_THAT(Complaint("m.csv", "file_name,x\na,1\nb\n"),
              HasSubstr("record 2 has 1 fields, the head has 2"));
  EXPECT_THAT(Complaint("m.csv", "file_name,x,x\na,1,2\n"), HasSubstr("column 'x' is there twice"));
  EXPECT_THAT(Complaint("m.csv", "file_name,x\na,\"1\nb,2\n"),
              HasSubstr("a quote of record 1 is never closed"));
  EXPECT_THAT(Complaint("m.jsonl", "{\"file_name\": \"a\"}\n\n[1]\n"),
              HasSubstr("line 3 is no JSON object"));
  EXPECT_THAT(Complaint("m.jsonl", "{\"file_name\": 1}\n"), HasSubstr("record 1 has no file_name"));
  EXPECT_THAT(Complaint("m.csv", "file_name\n.\n"), HasSubstr("record 1: "));
}

TEST_F(ImportManifestTest, DeepNestingIsRefusedAndNotFollowed) {
  const std::string deep(1'000'000, '[');
  const std::string line =
      "{\"file_name\": \"a\", \"x\": " + deep + std::string(deep.size(), ']') + "}\n";
  EXPECT_THAT(Complaint("m.jsonl", line), HasSubstr("line 1 is nested deeper than 256"));
}

TEST_F(ImportManifestTest, AMissingFileIsNamed) {
  const auto plan = Plan("m.csv", "file_name\na\nnone\n");
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(plan.error().message, HasSubstr("none"));
}

}  // namespace
}  // namespace betonfs
