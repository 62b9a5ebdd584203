// Files of a walked tree, opened however deep they lie and whatever became of them meanwhile.
#include "core/tree_opener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <span>

#include "core/text.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::TempDir;
using testing::HasSubstr;

std::string Contents(TreeOpener& opener, const WalkedFile& file) {
  const auto fd = opener.Open(file);
  if (!fd) return fd.error().message;
  std::string text(file.size_bytes, '\0');
  EXPECT_TRUE(ReadAt(fd->get(), std::as_writable_bytes(std::span(text)), 0, ""));
  return text;
}

TEST(TreeOpener, OpensMoreDirectoriesThanItKeepsInAnyOrder) {
  TempDir dir;
  for (int i = 0; i < 150; ++i) dir.Write(Cat("tree/", i % 7, "/", i, "/file"), Cat("file ", i));
  const auto tree = Walk(dir / "tree", {});
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->files().size(), 150u);
  TreeOpener opener(*tree);
  for (const size_t step : {1u, 77u}) {  // in order, and up and down
    for (size_t i = 0; i < 150; ++i) {
      const WalkedFile& file = tree->files()[i * step % 150];
      const std::string path = tree->PathOf(file);
      const std::string number = path.substr(2, path.rfind('/') - 2);
      EXPECT_EQ(Contents(opener, file), "file " + number);
    }
  }
}

TEST(TreeOpener, ATreeDeeperThanAnyPathMayBeLong) {
  TempDir dir;
  const auto chain = [](const std::string& top, int levels) {
    std::string path = top;
    for (int i = 0; i < levels; ++i) path += "/" + std::string(200, 'd');
    return path;
  };
  dir.Write(chain("lower", 10) + "/file", "deep");
  dir.Write(chain("tree", 15) + "/file", "half way");
  std::filesystem::rename(dir / "lower", dir / (chain("tree", 15) + "/lower"));
  const auto tree = Walk(dir / "tree", {});
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->files().size(), 2u);
  TreeOpener opener(*tree);
  EXPECT_EQ(Contents(opener, tree->files()[0]), "half way");
  EXPECT_EQ(Contents(opener, tree->files()[1]), "deep");
}

TEST(TreeOpener, WhatIsGoneSinceHasChanged) {
  TempDir dir;
  dir.Write("tree/a/file", "x");
  dir.Write("tree/b/file", "x");
  const auto tree = Walk(dir / "tree", {});
  ASSERT_TRUE(tree);
  std::filesystem::remove(dir / "tree/a/file");
  std::filesystem::remove_all(dir / "tree/b");
  TreeOpener opener(*tree);
  for (const WalkedFile& file : tree->files()) {
    const auto fd = opener.Open(file);
    ASSERT_FALSE(fd);
    EXPECT_EQ(fd.error().kind, ErrorKind::kChanged);
    EXPECT_THAT(fd.error().message, HasSubstr("is gone since the tree was listed"));
  }
}

TEST(TreeOpener, AFileThatBecameAFifoDoesNotBlock) {
  TempDir dir;
  const std::string path = dir.Write("tree/file", "x");
  const auto tree = Walk(dir / "tree", {});
  ASSERT_TRUE(tree);
  std::filesystem::remove(path);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  TreeOpener opener(*tree);
  EXPECT_TRUE(opener.Open(tree->files()[0]));  // what reads it finds out what it is
}

TEST(TreeOpener, NamesForPeopleAreEscaped) {
  TempDir dir;
  dir.Write("tree/a\nb", "x");
  const auto tree = Walk(dir / "tree", {});
  ASSERT_TRUE(tree);
  EXPECT_EQ(TreeOpener(*tree).NameForPeople(tree->files()[0]), (dir / "tree") + "/a\\nb");
}

}  // namespace
}  // namespace betonfs
