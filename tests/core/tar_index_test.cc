#include "core/tar_index.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/file.h"
#include "tests/support/tar_file.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::TarFile;
using test::TempDir;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Where the fields of a header stand.
constexpr uint64_t kSize = 124, kMagic = 257, kPrefix = 345;

Result<std::vector<TarMember>> List(const std::string& tar) {
  const TempDir dir;
  const std::string path = dir.Write("x.tar", tar);
  const UniqueFd fd = *OpenFile(path, O_RDONLY);
  return ListTar(fd.get(), path);
}

std::vector<TarMember> ListOrDie(const std::string& tar) {
  auto members = List(tar);
  if (members) return *members;
  ADD_FAILURE() << members.error().message;
  return {};
}

TEST(TarIndex, SaysWhereEveryFileLies) {
  const std::string tar = TarFile().Add("a/1", "one").Add("2", "").Add("3", "three").Build();
  const auto members = ListOrDie(tar);
  ASSERT_THAT(members, SizeIs(3));
  EXPECT_EQ(members[0].name, "a/1");
  EXPECT_EQ(members[0].mode, 0640);
  EXPECT_EQ(members[0].mtime_s, 1234567890);
  EXPECT_EQ(members[1].size_bytes, 0u);
  EXPECT_EQ(tar.substr(members[2].offset, members[2].size_bytes), "three");
}

TEST(TarIndex, PassesOverWhatIsNoFile) {
  const auto members = ListOrDie(TarFile()
                                     .Add("d/", "", '5')
                                     .Add("link", "", '2')
                                     .Add("./f", "f")
                                     .Add("old", "", '\0')
                                     .Build());
  ASSERT_THAT(members, SizeIs(2));
  EXPECT_EQ(members[0].name, "f") << "a leading ./ is no part of the name";
  EXPECT_EQ(members[1].name, "old");
}

TEST(TarIndex, AnEmptyTarHasNoMembers) { EXPECT_THAT(ListOrDie(TarFile().Build()), IsEmpty()); }

TEST(TarIndex, LongNamesOfAllThreeKindsAreJoined) {
  const std::string longest(300, 'n');
  TarFile tar;
  tar.Add("././@LongLink", longest + '\0', 'L').Add("short", "gnu");
  tar.Pax("path", longest + "2").Add("short", "pax");
  tar.Add("base", "prefix").Poke(kPrefix, "some/folder");
  const auto members = ListOrDie(tar.Build());
  ASSERT_THAT(members, SizeIs(3));
  EXPECT_EQ(members[0].name, longest);
  EXPECT_EQ(members[1].name, longest + "2");
  EXPECT_EQ(members[2].name, "some/folder/base");
}

TEST(TarIndex, PaxSizeAndTimeReplaceThoseOfTheHeader) {
  TarFile tar;
  tar.Pax("size", "5").Pax("mtime", "-7.25").Add("f", "12345").Poke(kSize, "00000000000");
  const auto members = ListOrDie(tar.Add("next", "n").Build());
  ASSERT_THAT(members, SizeIs(2));
  EXPECT_EQ(members[0].size_bytes, 5u);
  EXPECT_EQ(members[0].mtime_s, -7);
  EXPECT_EQ(members[1].mtime_s, 1234567890) << "they count for one member only";
}

TEST(TarIndex, SizesInBinaryAreRead) {
  const auto members = ListOrDie(
      TarFile().Add("f", "123").Poke(kSize, std::string("\x80\0\0\0\0\0\0\0\0\0\0\3", 12)).Build());
  ASSERT_THAT(members, SizeIs(1));
  EXPECT_EQ(members[0].size_bytes, 3u);
}

TEST(TarIndex, ATarWithoutItsEndIsCutShort) {
  const auto members = List(TarFile().Add("f", "123").bytes());
  ASSERT_FALSE(members);
  EXPECT_EQ(members.error().kind, ErrorKind::kTruncated);
  EXPECT_THAT(members.error().message, HasSubstr("ends at 1024"));
}

TEST(TarIndex, EveryTruncationIsRefused) {
  const std::string whole = TarFile().Pax("path", "p").Add("f", std::string(700, 'x')).Build();
  for (size_t size = 0; size < whole.size() - 512; size += 100) {
    const auto members = List(whole.substr(0, size));
    ASSERT_FALSE(members) << size;
    EXPECT_EQ(members.error().kind, ErrorKind::kTruncated) << members.error().message;
  }
}

TEST(TarIndex, AMemberThatPromisesTooMuchIsRefused) {
  for (const std::string& size : {std::string("77777777777"),
                                  std::string("\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 12)}) {
    const auto members = List(TarFile().Add("f", "123").Poke(kSize, size).Build());
    ASSERT_FALSE(members);
    EXPECT_NE(members.error().message.find(" 0"), std::string::npos) << members.error().message;
  }
  const auto members = List(TarFile().Pax("size", "18446744073709551615").Add("f", "1").Build());
  ASSERT_FALSE(members);
  EXPECT_EQ(members.error().kind, ErrorKind::kTruncated);
}

TEST(TarIndex, WhatIsNoTarIsNamedSo) {
  EXPECT_EQ(List(std::string(2048, 'x')).error().kind, ErrorKind::kUnsupported);
  std::string damaged = TarFile().Add("f", "1").Add("g", "2").Build();
  damaged[1024 + 5] = '!';  // the second header
  const auto members = List(damaged);
  ASSERT_FALSE(members);
  EXPECT_EQ(members.error().kind, ErrorKind::kCorrupt);
  EXPECT_THAT(members.error().message, HasSubstr("at 1024"));
}

TEST(TarIndex, PaxRecordsThatLieAboutTheirLengthAreRefused) {
  for (const char* text :
       {"99 path=x\n", "3 \n", "0 path=x\n", "path=x\n", "11 size=big\n", "8 nokey\n"}) {
    const auto members = List(TarFile().Add("pax", text, 'x').Add("f", "1").Build());
    ASSERT_FALSE(members) << text;
    EXPECT_EQ(members.error().kind, ErrorKind::kCorrupt) << text;
  }
}

TEST(TarIndex, OldHeadersHaveNoPrefix) {
  TarFile tar;
  tar.Add("f", "1").Poke(kMagic, std::string(8, '\0')).Poke(kPrefix, "not a prefix");
  EXPECT_EQ(ListOrDie(tar.Build())[0].name, "f");
}

}  // namespace
}  // namespace betonfs
