#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/import_plan.h"
#include "tests/support/import_columns.h"
#include "tests/support/tar_file.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::Columns;
using test::TarFile;
using test::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImportShardsTest : public ::testing::Test {
 protected:
  Result<ImportPlan> Plan(const std::vector<TarFile>& shards) {
    std::vector<std::string> paths;
    for (const TarFile& shard : shards) {
      paths.push_back(dir_.Write(std::to_string(paths.size()) + ".tar", shard.Build()));
    }
    return PlanShards(paths);
  }
  ImportPlan PlanOrDie(const std::vector<TarFile>& shards) {
    auto plan = Plan(shards);
    if (plan) return *std::move(plan);
    ADD_FAILURE() << plan.error().message;
    return {};
  }
  std::string Complaint(const TarFile& shard) {
    const auto plan = Plan({shard});
    if (plan) return "taken";
    EXPECT_EQ(plan.error().kind, ErrorKind::kInvalidArgument);
    return plan.error().message;
  }

  const TempDir dir_;
};

TEST_F(ImportShardsTest, ExtensionsNameTheFields) {
  const auto plan = PlanOrDie({TarFile()
                                   .Add("a.b/1.seg.bin", "s")
                                   .Add("a.b/1.cls", "7\n")
                                   .Add("a.b/1.json", "{}")
                                   .Add("a.b/1.jpg", "j"),
                               TarFile()
                                   .Add("a.b/2.JPEG", "jj")
                                   .Add("a.b/2.seg.bin", "")
                                   .Add("a.b/2.cls", "-7")
                                   .Add("a.b/2.json", "[]")});
  EXPECT_THAT(Columns(plan), ElementsAre("image image", "label int", "json json", "seg.bin bytes"))
      << "whatever the order of the members";
  EXPECT_THAT(plan.names, ElementsAre("a.b/1.jpg", "a.b/2.JPEG"));
  EXPECT_THAT(plan.columns[1].integers, ElementsAre(7, -7));
  EXPECT_EQ(plan.columns[0].payloads[1].file, 1u);
  EXPECT_EQ(plan.columns[0].payloads[1].size_bytes, 2u);
}

TEST_F(ImportShardsTest, ExtensionsWithANameGiveFieldsOfThatName) {
  const auto plan = PlanOrDie({TarFile()
                                   .Add("1.right.jpg", "r")
                                   .Add("1.left.jpg", "l")
                                   .Add("1.mask.png", "m")
                                   .Add("1.age.cls", "7")
                                   .Add("1.meta.json", "{}")});
  EXPECT_THAT(Columns(plan),
              ElementsAre("left image", "right image", "age int", "mask.png bytes", "meta json"));
  EXPECT_THAT(plan.names, ElementsAre("1.left.jpg"));
}

TEST_F(ImportShardsTest, WithoutAPictureTheFirstMemberNamesTheSample) {
  EXPECT_THAT(PlanOrDie({TarFile().Add("1.txt", "t").Add("1.cls", "0")}).names,
              ElementsAre("1.txt"));
}

TEST_F(ImportShardsTest, SamplesWithOtherFieldsAreRefusedByName) {
  EXPECT_THAT(Complaint(TarFile().Add("1.txt", "").Add("1.cls", "0").Add("2.txt", "")),
              AllOf(HasSubstr("2.txt"), HasSubstr("'label'")));
  EXPECT_THAT(Complaint(TarFile().Add("1.txt", "").Add("2.txt", "").Add("2.cls", "0")),
              AllOf(HasSubstr("2.cls"), HasSubstr("no int field 'label'")));
  EXPECT_THAT(Complaint(TarFile().Add("1.label", "bytes").Add("2.cls", "0")),
              AllOf(HasSubstr("2.cls"), HasSubstr("no int field 'label'")));
  EXPECT_THAT(Complaint(TarFile().Add("1.jpg", "").Add("1.png", "")),
              AllOf(HasSubstr("1.png"), HasSubstr("second of its sample for field 'image'")));
  EXPECT_THAT(Complaint(TarFile().Add("README", "")), HasSubstr("README: has no extension"));
}

TEST_F(ImportShardsTest, LabelsAreIntegersAndNothingElse) {
  for (const char* label : {"", "cat", "1.5", "1 2", "99999999999999999999999999999999999"}) {
    EXPECT_THAT(Complaint(TarFile().Add("1.cls", label)), HasSubstr("is no integer label"))
        << label;
  }
}

TEST_F(ImportShardsTest, ShufflingMovesAllOfASample) {
  TarFile shard;
  for (int i = 0; i < 50; ++i) {
    const std::string key = std::to_string(i);
    shard.Add(key + ".txt", std::string(static_cast<size_t>(i), 'x')).Add(key + ".cls", key);
  }
  const ImportPlan sorted = PlanOrDie({shard});
  ImportPlan plan = sorted;
  ShufflePlan(plan, 7);
  EXPECT_NE(plan.names, sorted.names);
  for (size_t i = 0; i < plan.names.size(); ++i) {
    const auto number = static_cast<size_t>(plan.columns[0].integers[i]);
    EXPECT_EQ(plan.names[i], sorted.names[number]);
    EXPECT_EQ(plan.columns[1].payloads[i].offset, sorted.columns[1].payloads[number].offset);
  }
  ImportPlan again = sorted;
  ShufflePlan(again, 7);
  EXPECT_EQ(again.names, plan.names);
}

}  // namespace
}  // namespace betonfs
