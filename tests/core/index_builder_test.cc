#include "core/index_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace betonfs {
namespace {

using ::testing::HasSubstr;

std::string_view NameOf(const IndexSections& sections, const RawEntry& entry) {
  return std::string_view(sections.names).substr(entry.name_offset, entry.name_size_bytes);
}

// The tree as text, "a/b.jpg=3 ...", by following the sections as a reader would.
void Describe(const IndexSections& sections, uint64_t dir, const std::string& prefix,
              std::string& out) {
  const RawDirectory& directory = sections.directories[dir];
  for (uint64_t i = 0; i < directory.num_entries; ++i) {
    const RawEntry& entry = sections.entries[directory.first_entry + i];
    EXPECT_EQ(entry.parent, dir);
    const std::string path = prefix + std::string(NameOf(sections, entry));
    if (entry.kind == static_cast<uint8_t>(EntryKind::kDirectory)) {
      EXPECT_EQ(sections.directories[entry.target].parent, dir);
      EXPECT_EQ(sections.directories[entry.target].own_entry, directory.first_entry + i);
      out += path + "/ ";
      Describe(sections, entry.target, path + "/", out);
    } else {
      EXPECT_EQ(sections.samples[entry.target].entry, directory.first_entry + i);
      out += path + "=" + std::to_string(entry.target) + " ";
    }
  }
}

std::string Describe(const IndexSections& sections) {
  std::string out;
  Describe(sections, 0, "", out);
  return out;
}

template <class T>
std::string BytesOf(const std::vector<T>& items) {
  return std::string(AsText(std::as_bytes(std::span(items))));
}

TEST(IndexBuilder, AnEmptyTreeIsARootWithoutEntries) {
  const auto sections = IndexBuilder(0).Finish();
  ASSERT_TRUE(sections);
  ASSERT_EQ(sections->directories.size(), 1u);
  EXPECT_EQ(sections->directories[0].parent, 0u);
  EXPECT_EQ(sections->directories[0].own_entry, ~uint64_t{0});
  EXPECT_TRUE(sections->entries.empty());
}

TEST(IndexBuilder, SortsNamesBytewiseAndDirectoriesDepthFirst) {
  IndexBuilder builder(3);
  const DirIndex z = builder.AddDirectory(kRootDir, "z", {});
  builder.AddSample(SampleIndex{0}, z, "b", {}, 1, 0);
  const DirIndex a = builder.AddDirectory(kRootDir, "a", {});
  builder.AddSample(SampleIndex{1}, kRootDir, "\xff", {}, 1, 0);
  builder.AddSample(SampleIndex{2}, builder.AddDirectory(a, "c", {}), "d", {}, 1, 0);
  const auto sections = builder.Finish();
  ASSERT_TRUE(sections);
  EXPECT_EQ(Describe(*sections), "a/ a/c/ a/c/d=2 z/ z/b=0 \xff=1 ");
  EXPECT_EQ(sections->directories[1].own_entry, 0u) << "a comes first";
  EXPECT_EQ(sections->directories[2].parent, 1u) << "then what is in it";
  EXPECT_EQ(sections->names,
            "az\xff"
            "cdb");
}

TEST(IndexBuilder, KeepsWhatIsKnownOfASampleAndADirectory) {
  IndexBuilder builder(1);
  builder.SetRootAttributes({.mode = 0700, .mtime_s = 5, .mtime_ns = 6});
  const DirIndex dir = builder.AddDirectory(kRootDir, "d", {.mode = 0750, .mtime_s = -1});
  builder.AddSample(SampleIndex{0}, dir, "f", {0640, -7, 999}, 1234, 0xfeed, RawView::kPng);
  const auto sections = builder.Finish();
  ASSERT_TRUE(sections);
  EXPECT_EQ(sections->directories[0].mode, 0700u);
  EXPECT_EQ(sections->directories[0].mtime_ns, 6u);
  EXPECT_EQ(sections->directories[1].mode, 0750u);
  EXPECT_EQ(sections->directories[1].mtime_s, -1);
  const RawSample& sample = sections->samples[0];
  EXPECT_EQ(sample.mode, 0640u);
  EXPECT_EQ(sample.mtime_s, -7);
  EXPECT_EQ(sample.mtime_ns, 999u);
  EXPECT_EQ(sample.size_bytes, 1234u);
  EXPECT_EQ(sample.xxh3, 0xfeedu);
  EXPECT_EQ(sample.raw_view, static_cast<uint8_t>(RawView::kPng));
}

// The same tree, built in the order that `seed` shuffles.
IndexSections BuildShuffled(uint64_t seed) {
  std::vector<int> dirs(20), samples(400);
  std::iota(dirs.begin(), dirs.end(), 0);
  std::iota(samples.begin(), samples.end(), 0);
  std::mt19937_64 random(seed);
  std::shuffle(dirs.begin(), dirs.end(), random);
  std::shuffle(samples.begin(), samples.end(), random);
  IndexBuilder builder(400);
  std::vector<DirIndex> index(20);
  for (const int d : dirs) index[d] = builder.AddDirectory(kRootDir, "d" + std::to_string(d), {});
  for (const int s : samples) {
    builder.AddSample(SampleIndex{static_cast<uint64_t>(s)}, index[s % 20], std::to_string(s), {},
                      1, 0);
  }
  auto sections = builder.Finish();
  EXPECT_TRUE(sections);
  return *std::move(sections);
}

TEST(IndexBuilder, EqualTreesGiveEqualBytes) {
  const IndexSections a = BuildShuffled(1), b = BuildShuffled(2);
  EXPECT_EQ(a.names, b.names);
  EXPECT_EQ(BytesOf(a.entries), BytesOf(b.entries));
  EXPECT_EQ(BytesOf(a.directories), BytesOf(b.directories));
  EXPECT_EQ(BytesOf(a.samples), BytesOf(b.samples));
}

TEST(IndexBuilder, RefusesWhatIsNoName) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"),
        std::string("a\0b", 3), std::string(256, 'x'), std::string(70000, 'x')}) {
    IndexBuilder builder(1);
    const DirIndex dir = builder.AddDirectory(kRootDir, "dir", {});
    builder.AddSample(SampleIndex{0}, dir, name, {}, 1, 0);
    const auto sections = builder.Finish();
    ASSERT_FALSE(sections) << name;
    EXPECT_EQ(sections.error().kind, ErrorKind::kInvalidArgument);
    EXPECT_THAT(sections.error().message, HasSubstr("dir/"));
  }
}

TEST(IndexBuilder, TakesNamesOfTheFullLengthWithAnyOtherByte) {
  IndexBuilder builder(2);
  builder.AddSample(SampleIndex{0}, kRootDir, std::string(255, 'x'), {}, 1, 0);
  builder.AddSample(SampleIndex{1}, kRootDir, "a\nb \xc3\xa4\x01...", {}, 1, 0);
  EXPECT_TRUE(builder.Finish());
}

TEST(IndexBuilder, RefusesTheSameNameTwiceWithItsPath) {
  IndexBuilder builder(2);
  const DirIndex a = builder.AddDirectory(kRootDir, "a", {});
  const DirIndex b = builder.AddDirectory(a, "b", {});
  builder.AddSample(SampleIndex{0}, b, "c", {}, 1, 0);
  builder.AddSample(SampleIndex{1}, a, "c", {}, 1, 0);
  builder.AddDirectory(b, "c", {});
  const auto sections = builder.Finish();
  ASSERT_FALSE(sections);
  EXPECT_THAT(sections.error().message, HasSubstr("'a/b/c'"));
}

TEST(IndexBuilder, EverySampleIsNamedExactlyOnce) {
  IndexBuilder unnamed(2);
  unnamed.AddSample(SampleIndex{0}, kRootDir, "a", {}, 1, 0);
  EXPECT_THAT(unnamed.Finish().error().message, HasSubstr("sample 1 has no name"));

  IndexBuilder twice(1);
  twice.AddSample(SampleIndex{0}, kRootDir, "a", {}, 1, 0);
  twice.AddSample(SampleIndex{0}, kRootDir, "b", {}, 1, 0);
  EXPECT_THAT(twice.Finish().error().message, HasSubstr("sample 0 has two names, 'a' and 'b'"));
}

TEST(IndexBuilder, DepthDoesNotCostStack) {
  IndexBuilder builder(1);
  DirIndex dir = kRootDir;
  for (int i = 0; i < 50000; ++i) dir = builder.AddDirectory(dir, "d", {});
  builder.AddSample(SampleIndex{0}, dir, "f", {}, 1, 0);
  const auto sections = builder.Finish();
  ASSERT_TRUE(sections);
  EXPECT_EQ(sections->directories.back().parent, 49999u);
}

}  // namespace
}  // namespace betonfs
