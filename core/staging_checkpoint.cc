#include "core/staging_checkpoint.h"

#include <string>
#include <unordered_map>

#include "core/text.h"

namespace betonfs {
namespace {

constexpr uint64_t kRecordsPerWrite = 10'000;

class TreeWriter {
 public:
  TreeWriter(const StagingTree& tree, const std::unordered_map<uint32_t, Content>& sealed,
             JournalWriter& journal)
      : tree_(tree), sealed_(sealed), journal_(journal) {}

  Status Directory(StageIno dir, const std::string& path) {
    for (const StageEntry& entry : tree_.Children(dir)) {
      const std::string child = path.empty() ? std::string(entry.name) : Cat(path, "/", entry.name);
      RETURN_IF_ERROR(Node(entry.ino, child));
    }
    // Last: making what is in it has changed its time.
    return Append(JournalKind::kAttributes, dir, path);
  }

 private:
  Status Node(StageIno ino, const std::string& path) {
    const StageNode& node = tree_.At(ino);
    if (node.kind == NodeKind::kDirectory) {
      RETURN_IF_ERROR(Append(JournalKind::kMakeDirectory, ino, path));
      return Directory(ino, path);
    }
    if (node.nlink > 1) {
      const auto [first, is_first] = first_names_.emplace(Number(ino), path);
      if (!is_first) return Append(JournalKind::kLink, ino, first->second, path);
    }
    if (node.kind == NodeKind::kSymlink) {
      return Append(JournalKind::kSymlink, ino, path, tree_.SymlinkTarget(ino));
    }
    return Append(JournalKind::kCreate, ino, path);
  }

  Status Append(JournalKind kind, StageIno ino, std::string_view path,
                std::string_view second = {}) {
    JournalRecord record = RecordOf(kind, tree_.At(ino), path, second);
    if (const auto open = sealed_.find(Number(ino)); open != sealed_.end()) {
      record.content = open->second;
    }
    journal_.Append(record);
    if (++num_appended_ % kRecordsPerWrite == 0) return journal_.Flush();
    return {};
  }

  const StagingTree& tree_;
  const std::unordered_map<uint32_t, Content>& sealed_;
  JournalWriter& journal_;
  std::unordered_map<uint32_t, std::string> first_names_;
  uint64_t num_appended_ = 0;
};

}  // namespace

JournalRecord RecordOf(JournalKind kind, const StageNode& node, std::string_view path,
                       std::string_view second) {
  JournalRecord record;
  record.kind = kind;
  record.mode = node.mode;
  record.mtime = node.mtime;
  if (kind == JournalKind::kSeal || kind == JournalKind::kCreate) record.content = node.content;
  record.path = path;
  record.second = second;
  return record;
}

Status WriteTreeRecords(const StagingTree& tree,
                        const std::unordered_map<uint32_t, Content>& sealed,
                        JournalWriter& journal) {
  return TreeWriter(tree, sealed, journal).Directory(kStageRoot, "");
}

}  // namespace betonfs
