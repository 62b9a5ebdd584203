// The journal tells again what was written, up to the first byte that cannot be believed.
#include "core/staging_journal.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::ReadFile;
using test::TempDir;

JournalRecord Record(JournalKind kind, std::string_view path, std::string_view second = {}) {
  JournalRecord record;
  record.kind = kind;
  record.mode = 0640;
  record.mtime = {-5, 999'999'999};
  record.content = {Where::kPages,  8u << 20, 12345, 0x1122334455667788,
                    Picture::kJpeg, 3,        640,   480};
  record.path = path;
  record.second = second;
  return record;
}

// A journal of three records, as the bytes of its file.
std::string ThreeRecords(const TempDir& dir) {
  StageIo io;
  JournalHeader header;
  header.generation = 7;
  auto journal = JournalWriter::Create(io, dir / "journal", header);
  EXPECT_TRUE(journal);
  (*journal)->Append(Record(JournalKind::kMakeDirectory, "a"));
  (*journal)->Append(Record(JournalKind::kSeal, "a/b"));
  (*journal)->Append(Record(JournalKind::kRename, "a/b", "a/a longer name"));
  EXPECT_TRUE((*journal)->Sync());
  return ReadFile(dir / "journal");
}

struct Told {
  JournalReplay replay;
  std::vector<std::string> records;  // "kind path second"
};

Told Tell(std::string_view journal) {
  Told told;
  const auto replay =
      ReplayJournal(AsBytes(journal), "journal", [&](const JournalRecord& record, uint64_t) {
        told.records.push_back(std::to_string(static_cast<int>(record.kind)) + " " +
                               std::string(record.path) + " " + std::string(record.second));
        return true;
      });
  EXPECT_TRUE(replay);
  if (replay) told.replay = *replay;
  return told;
}

TEST(StagingJournal, TellsWhatWasWritten) {
  TempDir dir;
  const std::string text = ThreeRecords(dir);
  std::vector<Content> contents;
  const auto replay =
      ReplayJournal(AsBytes(text), "journal", [&](const JournalRecord& record, uint64_t) {
        EXPECT_EQ(record.mode, 0640);
        EXPECT_EQ(record.mtime, (Timestamp{-5, 999'999'999}));
        contents.push_back(record.content);
        return true;
      });
  ASSERT_TRUE(replay);
  EXPECT_EQ(replay->header.generation, 7u);
  EXPECT_EQ(replay->num_records, 3u);
  EXPECT_EQ(replay->end_offset, text.size());
  EXPECT_EQ(replay->damaged_size_bytes, 0u);
  EXPECT_EQ(contents.at(1), Record(JournalKind::kSeal, "").content);
}

TEST(StagingJournal, ATornRecordEndsIt) {
  TempDir dir;
  const std::string text = ThreeRecords(dir);
  const size_t whole = Tell(text).records.size();
  for (size_t size = 64; size < text.size(); ++size) {
    const Told told = Tell(text.substr(0, size));
    EXPECT_LT(told.records.size(), whole) << size;
    EXPECT_LE(told.replay.end_offset, size);
  }
}

TEST(StagingJournal, AnyFlippedByteEndsItThere) {
  TempDir dir;
  const std::string text = ThreeRecords(dir);
  for (size_t at = 64; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    const Told told = Tell(damaged);
    EXPECT_LT(told.records.size(), 3u) << at;
    EXPECT_LE(told.replay.end_offset, at);
    EXPECT_GT(told.replay.damaged_size_bytes, 0u);
  }
}

TEST(StagingJournal, ZerosBehindItAreNoDamage) {
  TempDir dir;
  const Told told = Tell(ThreeRecords(dir) + std::string(100, '\0'));
  EXPECT_EQ(told.records.size(), 3u);
  EXPECT_EQ(told.replay.damaged_size_bytes, 0u);
}

TEST(StagingJournal, AHeaderThatIsNotOursIsAnError) {
  TempDir dir;
  const std::string text = ThreeRecords(dir);
  const auto nothing = [](const JournalRecord&, uint64_t) { return true; };
  const auto kind_of = [&](const std::string& journal) {
    const auto replay = ReplayJournal(AsBytes(journal), "journal", nothing);
    return replay ? std::string("fine") : KindName(replay.error().kind);
  };
  EXPECT_EQ(kind_of(text.substr(0, 63)), "truncated");
  EXPECT_EQ(kind_of("x" + text.substr(1)), "corrupt");
  std::string other_version = text;
  other_version[8] = 2;
  EXPECT_EQ(kind_of(other_version), "unsupported");
  std::string other_generation = text;
  other_generation[16] = 9;
  EXPECT_EQ(kind_of(other_generation), "corrupt");
}

TEST(StagingJournal, GoesOnBehindTheLastGoodRecord) {
  TempDir dir;
  const std::string text = ThreeRecords(dir);
  StageIo io;
  {
    auto journal = JournalWriter::Resume(io, dir / "journal",
                                         Tell(text.substr(0, text.size() - 1)).replay.end_offset);
    ASSERT_TRUE(journal);
    (*journal)->Append(Record(JournalKind::kRemove, "a/b"));
    ASSERT_TRUE((*journal)->Flush());
  }
  const Told told = Tell(ReadFile(dir / "journal"));
  ASSERT_EQ(told.records.size(), 3u);
  EXPECT_NE(told.records.back().find("a/b"), std::string::npos);
}

}  // namespace
}  // namespace betonfs
