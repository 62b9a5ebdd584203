#include "fs/guarded_tree.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/beton_builder.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::BetonBuilder;

constexpr size_t kNumSamples = 100;
constexpr size_t kSampleSize = 1000;

std::string ContentsOf(size_t sample) {
  return std::string(kSampleSize, static_cast<char>('!' + sample % 90));
}

BetonBuilder ManyBlobs() {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data");
  std::vector<std::string> paths;
  for (size_t i = 0; i < kNumSamples; ++i) {
    builder.Sample({test::Blob(ContentsOf(i))});
    paths.push_back("file" + std::to_string(1000 + i));
  }
  return builder.Paths(paths);
}

class GuardedTreeTest : public testing::Test {
 protected:
  GuardedTree& Open(const std::string& file, VerifyMode mode = VerifyMode::kOff) {
    path_ = dir_.Write("a.beton", file);
    shards_ = std::move(*Shards::Open({path_}));
    tree_ = std::make_unique<GuardedTree>(std::move(*Tree::Make(*shards_, {})), mode);
    return *tree_;
  }
  Ino File(size_t sample) const { return tree_->MainFile(SampleIndex{sample}); }
  void CutTo(uint64_t size) { ASSERT_EQ(truncate(path_.c_str(), static_cast<off_t>(size)), 0); }

  test::TempDir dir_;
  std::string path_;
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<GuardedTree> tree_;
};

TEST_F(GuardedTreeTest, AnswersAsTheTreeInItDoes) {
  GuardedTree& tree = Open(ManyBlobs().Build());
  EXPECT_EQ(tree.Lookup(Ino::Root(), "file1007").value(), File(7));
  EXPECT_EQ(tree.Lookup(Ino::Root(), "nothing").value(), std::nullopt);
  EXPECT_EQ(tree.ParentOf(Ino::Root()).value(), Ino::Root());
  EXPECT_EQ(tree.AttributesOf(File(7)).value().size_bytes, kSampleSize);
  EXPECT_EQ(tree.PathOf(File(7)).value(), "file1007");
  EXPECT_EQ(AsText(tree.Contents(File(7)).value().payload()), ContentsOf(7));
}

TEST_F(GuardedTreeTest, ListsAllEntriesAndStopsWhereTheSinkDoes) {
  const GuardedTree& tree = Open(ManyBlobs().Build());
  std::vector<std::string> names;
  uint64_t cursor = 0;
  const auto list = [&](size_t max) {
    return tree.List(Ino::Root(), cursor, [&](std::string_view name, Ino, uint64_t next) {
      if (names.size() == max) return false;
      names.emplace_back(name);
      cursor = next;
      return true;
    });
  };
  ASSERT_TRUE(list(50));
  ASSERT_EQ(names.size(), 50u);
  ASSERT_TRUE(list(1000));
  ASSERT_EQ(names.size(), kNumSamples);
  for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(names[i], "file" + std::to_string(1000 + i));
}

TEST_F(GuardedTreeTest, EverythingIsAnIoErrorInAFileThatIsGone) {
  const GuardedTree& tree = Open(ManyBlobs().Build());
  const Ino file = File(7);
  CutTo(0);
  const auto expect_io = [](const auto& result) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::kIo) << result.error().message;
  };
  expect_io(tree.Lookup(Ino::Root(), "file1007"));
  expect_io(tree.AttributesOf(file));
  expect_io(tree.Contents(file));
  expect_io(tree.PathOf(file));
  bool listed_any = false;
  expect_io(tree.List(Ino::Root(), 0,
                      [&](std::string_view, Ino, uint64_t) { return listed_any = true; }));
  EXPECT_FALSE(listed_any);
}

// Gives contents it was given, without looking at the file again.
class FrozenTree : public Tree {
 public:
  FrozenTree(const Shards& shards, FileContents contents)
      : Tree(shards, 0, nullptr), contents_(std::move(contents)) {}
  TreeKind kind() const override { return TreeKind::kFlat; }
  Result<std::optional<Ino>> Lookup(Ino, std::string_view) const override { return std::nullopt; }
  Status List(Ino, uint64_t, const EntrySink&) const override { return {}; }
  Result<Ino> ParentOf(Ino) const override { return Ino::Root(); }
  Result<Attributes> AttributesOf(Ino) const override { return Attributes{}; }
  Result<FileContents> Contents(Ino) const override { return contents_; }
  Result<std::string> PathOf(Ino) const override { return std::string(); }

 private:
  FileContents contents_;
};

TEST_F(GuardedTreeTest, TheZerosBehindACutAreNotServed) {
  Open(ManyBlobs().Build());
  const FileContents contents = tree_->Contents(File(7)).value();
  const uint64_t end = contents.payload_offset() + kSampleSize;
  ASSERT_NE(end % 4096, 0u) << "the page of the cut keeps its first bytes";
  const GuardedTree tree(std::make_unique<FrozenTree>(*shards_, contents), VerifyMode::kOff);
  CutTo(end);
  EXPECT_TRUE(tree.Contents(File(7)));
  CutTo(end - 1);
  const auto cut = tree.Contents(File(7));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::kIo);
  EXPECT_NE(cut.error().message.find("became shorter"), std::string::npos) << cut.error().message;
}

TEST_F(GuardedTreeTest, WrongContentsAreServedOrNotAsAsked) {
  std::string file = ManyBlobs().Build();
  file[file.find(ContentsOf(7)) + 500] ^= 1;
  EXPECT_TRUE(Open(file, VerifyMode::kOff).Contents(File(7)));
  GuardedTree& tree = Open(file, VerifyMode::kRead);
  const auto contents = tree.Contents(File(7));
  ASSERT_FALSE(contents);
  EXPECT_EQ(contents.error().kind, ErrorKind::kCorrupt);
  EXPECT_TRUE(tree.Contents(File(8)));
  EXPECT_EQ(tree.num_failed_checks(), 1u);
}

}  // namespace
}  // namespace betonfs
