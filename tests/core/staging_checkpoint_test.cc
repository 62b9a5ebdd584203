#include "core/staging_checkpoint.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::ReadFile;
using test::TempDir;

TEST(RecordOf, HasContentsOnlyWhereTheyBelong) {
  StageNode node;
  node.mode = 0640;
  node.mtime = {3, 4};
  node.content = {Where::kPages, 100, 200, 300};
  const JournalRecord sealed = RecordOf(JournalKind::kSeal, node, "a/b");
  EXPECT_EQ(sealed.content, node.content);
  EXPECT_EQ(sealed.mtime, node.mtime);
  EXPECT_EQ(sealed.mode, 0640);
  const JournalRecord renamed = RecordOf(JournalKind::kRename, node, "a/b", "c");
  EXPECT_EQ(renamed.content, Content());
  EXPECT_EQ(renamed.second, "c");
}

TEST(WriteTreeRecords, ParentsComeFirstAndTheirTimesLast) {
  StagingTree tree;
  const auto dir = tree.Make(kStageRoot, "dir", NodeKind::kDirectory, 0755, {1, 0});
  ASSERT_TRUE(dir && tree.Make(*dir, "file", NodeKind::kFile, 0644, {2, 0}));
  TempDir scratch;
  StageIo io;
  const std::string path = scratch / "journal";
  const auto journal = JournalWriter::Create(io, path, {});
  ASSERT_TRUE(journal);
  ASSERT_TRUE(WriteTreeRecords(tree, {}, **journal));
  ASSERT_TRUE((*journal)->Flush());
  std::string told;
  const auto note = [&](const JournalRecord& record, uint64_t) {
    constexpr const char* kMade = "made ";
    told += record.kind == JournalKind::kAttributes ? "times of " : kMade;
    told += std::string(record.path) + "; ";
    return true;
  };
  ASSERT_TRUE(ReplayJournal(AsBytes(ReadFile(path)), path, note));
  EXPECT_EQ(told, "made dir; made dir/file; times of dir; times of ; ");
}

}  // namespace
}  // namespace betonfs
