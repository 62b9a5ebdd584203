#include "core/staging_work_area.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::TempDir;

TEST(StagingWorkArea, KnowsItsFilesByTheirNames) {
  TempDir dir;
  for (const char* name : {"lock", "journal.3", "journal.4.new", "pages.12", "spill.7", "spill.x",
                           "journal.", "pages.18446744073709551616", "rewrite.new"}) {
    dir.Write(name, "");
  }
  const auto files = ListWorkArea(dir.path());
  ASSERT_TRUE(files);
  EXPECT_THAT(files->journals, testing::ElementsAre(3));
  EXPECT_THAT(files->pages, testing::ElementsAre(12));
  EXPECT_THAT(files->spills, testing::ElementsAre(7));
  EXPECT_THAT(files->leftovers,
              testing::UnorderedElementsAre(dir / "journal.4.new", dir / "rewrite.new"));
}

TEST(StagingWorkArea, IsLockedAgainstASecondOne) {
  TempDir dir;
  auto first = LockWorkArea(dir.path());
  ASSERT_TRUE(first);
  EXPECT_EQ(LockWorkArea(dir.path()).error().kind, ErrorKind::kBusy);
  *first = UniqueFd();
  EXPECT_TRUE(LockWorkArea(dir.path()));
}

TEST(StagingWorkArea, IsRemovedWithAllThatIsInIt) {
  TempDir dir;
  const std::string area = dir / "out.beton.stage";
  EXPECT_EQ(RemoveWorkArea(area).error().kind, ErrorKind::kNotFound);
  dir.Write("out.beton.stage/journal.1", "x");
  dir.Write("out.beton.stage/last_commit.json", "{}");
  ASSERT_TRUE(RemoveWorkArea(area));
  EXPECT_FALSE(std::filesystem::exists(area));
}

}  // namespace
}  // namespace betonfs
