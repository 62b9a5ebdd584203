#include "core/walk.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

FileTree WalkOrDie(const std::string& root, const WalkOptions& options = {.num_threads = 2}) {
  auto tree = Walk(root, options);
  if (!tree) {
    ADD_FAILURE() << tree.error().message;
    return {};
  }
  return *std::move(tree);
}

std::vector<std::string> FilesOf(const FileTree& tree) {
  std::vector<std::string> paths;
  for (const WalkedFile& file : tree.files()) paths.push_back(tree.PathOf(file));
  return paths;
}

std::vector<std::string> DirectoriesOf(const FileTree& tree) {
  std::vector<std::string> paths;
  for (const WalkedDirectory& directory : tree.directories()) {
    paths.push_back(tree.PathOf(directory));
  }
  return paths;
}

std::vector<std::string> SkippedOf(const FileTree& tree) {
  std::vector<std::string> lines;
  for (const SkippedEntry& entry : tree.skipped()) {
    lines.push_back(entry.path + ": " + Describe(entry.reason));
  }
  return lines;
}

TEST(Walk, SortsNamesInEveryDirectoryAndGoesDepthFirst) {
  const TempDir dir;
  for (const char* name : {"b/2", "b/10", "a-b/x", "a/y", "c", "a/z/deep"}) dir.Write(name, name);
  fs::create_directory(dir / "empty");
  const FileTree tree = WalkOrDie(dir.path());
  EXPECT_THAT(FilesOf(tree), ElementsAre("a/y", "a/z/deep", "a-b/x", "b/10", "b/2", "c"));
  EXPECT_THAT(DirectoriesOf(tree), ElementsAre("", "a", "a/z", "a-b", "b", "empty"));
  EXPECT_EQ(tree.files()[1].size_bytes, 8u);
  EXPECT_EQ(tree.directories()[1].num_files, 1u);
}

TEST(Walk, KnowsModesAndTimes) {
  const TempDir dir;
  dir.Write("d/f", "x");
  chmod((dir / "d/f").c_str(), 0640);
  chmod((dir / "d").c_str(), 0710);
  const timespec times[2] = {{1, 2}, {-3, 4}};
  ASSERT_EQ(utimensat(AT_FDCWD, (dir / "d/f").c_str(), times, 0), 0);
  ASSERT_EQ(utimensat(AT_FDCWD, (dir / "d").c_str(), times, 0), 0);
  const FileTree tree = WalkOrDie(dir.path());
  EXPECT_EQ(tree.files()[0].attributes.mode, 0640);
  EXPECT_EQ(tree.files()[0].attributes.mtime_s, -3);
  EXPECT_EQ(tree.files()[0].attributes.mtime_ns, 4u);
  EXPECT_EQ(tree.directories()[1].attributes.mode, 0710);
  EXPECT_EQ(tree.directories()[1].attributes.mtime_s, -3);
}

TEST(Walk, AnyByteMayBeInAName) {
  const TempDir dir;
  const std::string odd = "new\nline \xff\xfe";
  dir.Write(odd + "/" + std::string(255, 'x'), "");
  EXPECT_THAT(FilesOf(WalkOrDie(dir.path())), ElementsAre(odd + "/" + std::string(255, 'x')));
}

TEST(Walk, ListsLargeDirectoriesTheSameWithAnyNumberOfThreads) {
  const TempDir dir;
  for (int i = 0; i < 3000; ++i) dir.Write("d/" + std::to_string(i * 7919 % 3000), "");
  const auto one = FilesOf(WalkOrDie(dir.path(), {.num_threads = 1}));
  EXPECT_EQ(one.size(), 3000u);
  EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
  EXPECT_EQ(one, FilesOf(WalkOrDie(dir.path(), {.num_threads = 8})));
}

TEST(Walk, GoesDeeperThanAPathMayBeLong) {
  const TempDir dir;
  UniqueFd at(open(dir.path().c_str(), O_RDONLY | O_DIRECTORY));
  const std::string name(200, 'd');
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(mkdirat(at.get(), name.c_str(), 0755), 0);
    at = UniqueFd(openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
  }
  UniqueFd(openat(at.get(), "f", O_CREAT | O_WRONLY, 0644));
  const FileTree tree = WalkOrDie(dir.path());
  ASSERT_EQ(tree.files().size(), 1u);
  EXPECT_EQ(tree.PathOf(tree.files()[0]).size(), 100 * 201 + 1u);
}

TEST(Walk, NamesAndSkipsWhatCannotBeStored) {
  const TempDir dir;
  dir.Write("file", "");
  mkfifo((dir / "fifo").c_str(), 0600);
  fs::create_symlink("nowhere", dir / "dangling");
  fs::create_symlink("loop", dir / "loop");
  fs::create_symlink("/dev/null", dir / "null");
  const UniqueFd sock(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = ""};
  (dir / "sock").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(sock.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const FileTree tree = WalkOrDie(dir.path());
  EXPECT_THAT(FilesOf(tree), ElementsAre("file"));
  EXPECT_THAT(SkippedOf(tree), ElementsAre("dangling: dangling link", "fifo: fifo",
                                           "loop: dangling link", "null: device", "sock: socket"));
}

class WalkLinks : public ::testing::Test {
 protected:
  WalkLinks() {
    outside_.Write("file", "outside");
    dir_.Write("real/file", "inside");
    fs::create_symlink("real/file", dir_ / "to_file");
    fs::create_symlink(dir_ / "real", dir_ / "to_dir");
    fs::create_symlink(outside_.path(), dir_ / "to_outside");
    fs::create_symlink("..", dir_ / "real/up");
  }
  const TempDir dir_;
  const TempDir outside_;
};

TEST_F(WalkLinks, AreFollowedAndCyclesAreCut) {
  const FileTree tree = WalkOrDie(dir_.path());
  EXPECT_THAT(FilesOf(tree), ElementsAre("real/file", "to_dir/file", "to_file", "to_outside/file"));
  EXPECT_THAT(SkippedOf(tree), ElementsAre("real/up: link to a directory it lies in",
                                           "to_dir/up: link to a directory it lies in"));
  EXPECT_EQ(tree.files()[2].size_bytes, 6u) << "the target's";
}

TEST_F(WalkLinks, InsideLeavesOutWhatPointsAway) {
  const FileTree tree =
      WalkOrDie(dir_.path(), {.symlinks = SymlinkPolicy::kInside, .num_threads = 2});
  EXPECT_THAT(FilesOf(tree), ElementsAre("real/file", "to_dir/file", "to_file"));
  EXPECT_THAT(SkippedOf(tree), ::testing::Contains("to_outside: link out of the tree"));
}

TEST_F(WalkLinks, SkipLeavesAllOut) {
  const FileTree tree = WalkOrDie(dir_.path(), {.symlinks = SymlinkPolicy::kSkip});
  EXPECT_THAT(FilesOf(tree), ElementsAre("real/file"));
  EXPECT_EQ(tree.skipped().size(), 4u);
}

TEST(Walk, TheOutputIsNoPartOfTheTree) {
  const TempDir dir;
  dir.Write("a", "");
  const std::string output = dir.Write("out.beton", "old");
  const FileTree tree = WalkOrDie(dir.path(), {.num_threads = 1, .output = *IdentityOf(output)});
  EXPECT_THAT(FilesOf(tree), ElementsAre("a"));
}

TEST(Walk, RefusesTheReservedNameAtTheRootOnly) {
  const TempDir dir;
  dir.Write("deeper/.betonfs", "");
  EXPECT_TRUE(Walk(dir.path(), {}));
  dir.Write(".betonfs/x", "");
  const auto tree = Walk(dir.path(), {});
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_THAT(tree.error().message, HasSubstr(".betonfs: the name is reserved"));
}

TEST(Walk, SaysWhatIsWrongWithTheRoot) {
  const TempDir dir;
  EXPECT_EQ(Walk(dir / "missing", {}).error().kind, ErrorKind::kNotFound);
  const auto file = Walk(dir.Write("file", ""), {});
  EXPECT_EQ(file.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_THAT(file.error().message, HasSubstr("file is not a directory"));
  EXPECT_THAT(FilesOf(WalkOrDie(dir.path(), {})), ElementsAre("file"));
}

TEST(Walk, StopsWhenAsked) {
  const TempDir dir;
  const std::atomic<bool> cancel{true};
  EXPECT_EQ(Walk(dir.path(), {.cancel = &cancel}).error().kind, ErrorKind::kCancelled);
}

}  // namespace
}  // namespace betonfs
