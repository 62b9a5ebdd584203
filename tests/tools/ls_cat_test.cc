#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/beton_builder.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_dir.h"
#include "tools/exit_codes.h"

namespace betonfs::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Two files in folders, one at the root, one of whose names is nasty.
BetonBuilder Named() {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data");
  for (const char* bytes : {"one", "two\n", ""}) builder.Sample({Blob(bytes)});
  builder.Paths({"a/1.bin", "a/deep/2.bin", "bad\nname\033[2J"});
  return builder;
}

class LsCatTest : public testing::Test {
 protected:
  TempDir dir_;
  std::string named_ = dir_.Write("named.beton", Named().Build());
  std::string mixed_ = dir_.Write("mixed.beton", MixedBeton().Build());
};

TEST_F(LsCatTest, ListsTheRootEscapedAndWithSlashesBehindDirectories) {
  const Ran ran = RunBetonfs({"ls", named_});
  EXPECT_EQ(ran.exit_code, kExitOk) << ran.err;
  EXPECT_EQ(ran.out, "a/\nbad\\nname\\033[2J\n");
}

TEST_F(LsCatTest, ListsADirectoryOrAFile) {
  EXPECT_EQ(RunBetonfs({"ls", named_, "/a/"}).out, "1.bin\ndeep/\n");
  EXPECT_EQ(RunBetonfs({"ls", named_, "a/1.bin"}).out, "a/1.bin\n");
}

TEST_F(LsCatTest, ListsEverythingBelow) {
  EXPECT_EQ(RunBetonfs({"ls", "-R", named_, "a"}).out, "a/1.bin\na/deep/\na/deep/2.bin\n");
}

TEST_F(LsCatTest, EndsNamesInNulForProgramsToRead) {
  using std::string_literals::operator""s;
  EXPECT_EQ(RunBetonfs({"ls", "-0", named_}).out, "a\0bad\nname\033[2J\0"s);
}

TEST_F(LsCatTest, LongListingTellsModeSizeAndTime) {
  const Ran ran = RunBetonfs({"ls", "-l", named_, "a"});
  EXPECT_THAT(ran.out, StartsWith("-"));
  EXPECT_THAT(ran.out, HasSubstr("            3 "));
  EXPECT_THAT(ran.out, HasSubstr("\ndr"));
}

TEST_F(LsCatTest, NamesFilesWithoutNamesAsAMountDoes) {
  EXPECT_THAT(RunBetonfs({"ls", "--tree", "flat", mixed_}).out, StartsWith("00000000.jpg\n"));
  EXPECT_EQ(RunBetonfs({"ls", "--tree", "nonsense", mixed_}).exit_code, kExitUsage);
}

TEST_F(LsCatTest, NamesWhatItCanOfADamagedListingAndFails) {
  BetonBuilder builder = Named();
  builder.EditIndex([](HandIndex& index) { index.names[0] = '/'; });
  const Ran ran = RunBetonfs({"ls", "-R", dir_.Write("damaged.beton", builder.Build())});
  EXPECT_EQ(ran.exit_code, kExitBadFile);
  EXPECT_NE(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("skipped=entry"));
}

TEST_F(LsCatTest, CatWritesFilesOneAfterAnother) {
  const Ran ran = RunBetonfs({"cat", named_, "a/1.bin", "a/deep/2.bin"});
  EXPECT_EQ(ran.exit_code, kExitOk) << ran.err;
  EXPECT_EQ(ran.out, "onetwo\n");
}

TEST_F(LsCatTest, CatGoesOnAfterAPathThatIsNotThere) {
  const Ran ran = RunBetonfs({"cat", named_, "a/none", "a/1.bin", "a/1.bin/x"});
  EXPECT_EQ(ran.exit_code, kExitNotFound);
  EXPECT_EQ(ran.out, "one");
  EXPECT_THAT(ran.err, HasSubstr("'a/none'"));
  EXPECT_THAT(ran.err, HasSubstr("is a file"));
}

TEST_F(LsCatTest, CatRefusesADirectory) {
  EXPECT_EQ(RunBetonfs({"cat", named_, "a"}).exit_code, kExitUsage);
}

}  // namespace
}  // namespace betonfs::test
