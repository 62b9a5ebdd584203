// tree=paths: the names stored in the file.
#pragma once

#include "fs/tree.h"

namespace betonfs {

// The stored tree of one shard.  A directory's inode number holds the shard and the DirIndex.
class PathsTree : public Tree {
 public:
  // `shard` is which of shards.all(); it has an index.
  PathsTree(const Shards& shards, uint32_t shard, uint16_t main_field, const Field* label_field);

  TreeKind kind() const override { return TreeKind::kPaths; }
  Result<std::optional<Ino>> Lookup(Ino directory, std::string_view name) const override;
  Status List(Ino directory, uint64_t cursor, const EntrySink& sink) const override;
  Result<Ino> ParentOf(Ino directory) const override;
  Result<Attributes> AttributesOf(Ino ino) const override;
  // Error kCorrupt too where the stored size is not that of the contents: what stat said is kept.
  Result<FileContents> Contents(Ino file) const override;
  Result<std::string> PathOf(Ino file) const override;

  // What `entry`, one that IndexView gave and so has checked, names.
  Ino Target(const Entry& entry) const;
  Result<Attributes> DirectoryAttributes(DirIndex directory) const;

 private:
  Result<DirIndex> DirectoryOf(Ino directory) const;
  Ino InoOf(DirIndex directory) const;
  Result<SampleIndex> LocalSample(Ino file) const;

  const Shard* shard_;
  const IndexView* index_;
  uint32_t shard_number_;
};

}  // namespace betonfs
