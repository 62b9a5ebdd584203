#include "core/staging_replay.h"

#include <sys/stat.h>

#include "core/block_checks.h"

namespace betonfs {

std::optional<StagingReplayer::Place> StagingReplayer::PlaceOf(std::string_view path) const {
  const size_t slash = path.rfind('/');
  const bool top = slash == std::string_view::npos;
  const auto dir = tree_.Resolve(top ? std::string_view() : path.substr(0, slash));
  if (!dir || path.empty()) return std::nullopt;
  return Place{*dir, top ? path : path.substr(slash + 1)};
}

// A spill file is as long as it is: it may have been written to since.
bool StagingReplayer::IsThere(Content& content, bool must_verify) const {
  switch (content.where) {
    case Where::kNowhere:
      return content.size == 0;
    case Where::kBase:
      return store_.base() &&
             Slice(store_.base()->bytes(), content.offset, content.size).has_value();
    case Where::kPages: {
      if (content.offset > pages_size_ || content.size > pages_size_ - content.offset) return false;
      if (!must_verify) return true;
      const auto bytes = pages_.At({content.offset, content.size});
      return bytes && Xxh3(*bytes) == content.xxh3;
    }
    case Where::kSpill: {
      struct stat info;
      if (stat(store_.SpillPath(content.offset).c_str(), &info) != 0) return false;
      content.size = static_cast<uint64_t>(info.st_size);
      return true;
    }
  }
  return false;
}

void StagingReplayer::SealNode(const JournalRecord& record, StageIno ino, uint64_t offset) {
  StageNode& node = tree_.At(ino);
  Content content = record.content;
  if (IsThere(content, offset >= synced_offset_)) {
    node.content = content;
  } else {
    lost_.emplace_back(record.path);
  }
  node.mtime = node.ctime = record.mtime;
  if (node.times_sealed < 255) ++node.times_sealed;
}

bool StagingReplayer::Seal(const JournalRecord& record, uint64_t offset) {
  const auto ino = tree_.Resolve(record.path);
  if (!ino || tree_.At(*ino).kind != NodeKind::kFile) return false;
  SealNode(record, *ino, offset);
  return true;
}

bool StagingReplayer::Make(const JournalRecord& record, NodeKind kind, uint64_t offset) {
  const auto place = PlaceOf(record.path);
  if (!place) return false;
  if (kind == NodeKind::kSymlink) {
    return tree_.MakeSymlink(place->dir, place->name, record.second, record.mtime).has_value();
  }
  const auto made = tree_.Make(place->dir, place->name, kind, record.mode, record.mtime);
  if (!made) return false;
  if (kind == NodeKind::kFile && record.content.where != Where::kNowhere) {
    SealNode(record, *made, offset);
  }
  return true;
}

bool StagingReplayer::SetAttributes(const JournalRecord& record) {
  const auto ino = tree_.Resolve(record.path);
  if (!ino) return false;
  tree_.At(*ino).mode = record.mode & 07777;
  tree_.At(*ino).mtime = record.mtime;
  return true;
}

bool StagingReplayer::Remove(const JournalRecord& record) {
  const auto place = PlaceOf(record.path);
  if (!place) return false;
  const auto removed = record.kind == JournalKind::kRemove
                           ? tree_.Unlink(place->dir, place->name, record.mtime)
                           : tree_.RemoveDirectory(place->dir, place->name, record.mtime);
  if (removed) tree_.Drop(*removed);
  return removed.has_value();
}

bool StagingReplayer::Rename(const JournalRecord& record) {
  const auto from = PlaceOf(record.path);
  const auto to = PlaceOf(record.second);
  if (!from || !to) return false;
  const auto replaced = tree_.Rename(from->dir, from->name, to->dir, to->name,
                                     /*may_replace=*/true, record.mtime);
  if (replaced && *replaced) tree_.Drop(**replaced);
  return replaced.has_value();
}

bool StagingReplayer::Link(const JournalRecord& record) {
  const auto ino = tree_.Resolve(record.path);
  const auto to = PlaceOf(record.second);
  return ino && to && tree_.Link(*ino, to->dir, to->name, record.mtime).has_value();
}

bool StagingReplayer::Apply(const JournalRecord& record, uint64_t offset) {
  if (record.kind != JournalKind::kSynced) ++num_changes_;
  switch (record.kind) {
    case JournalKind::kClear:
      tree_.Clear();
      return true;
    case JournalKind::kSynced:
      return true;
    case JournalKind::kBegun:
      num_changes_ = record.content.size;
      return true;
    case JournalKind::kMakeDirectory:
      return Make(record, NodeKind::kDirectory, offset);
    case JournalKind::kCreate:
      return Make(record, NodeKind::kFile, offset);
    case JournalKind::kSymlink:
      return Make(record, NodeKind::kSymlink, offset);
    case JournalKind::kSeal:
      return Seal(record, offset);
    case JournalKind::kAttributes:
      return SetAttributes(record);
    case JournalKind::kRemove:
    case JournalKind::kRemoveDirectory:
      return Remove(record);
    case JournalKind::kRename:
      return Rename(record);
    case JournalKind::kLink:
      return Link(record);
  }
  return false;
}

}  // namespace betonfs
