// tree=paths over several files: their stored trees as one.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "fs/tree_paths.h"

namespace betonfs {

// Directories of the same path are one directory; two files of the same path are refused.
//
// Cost at mount: a directory that is in one file only costs nothing.  Of one that several files
// have, the first and last names are compared; where the files' names do not interleave (a sorted
// tree that was split) that is all, and it costs 48 bytes per file.  Else its entries are read once
// and merged, in O(n log files), and it costs 8 bytes per entry.  Every lookup is one binary
// search over all entries of the directory.
class MergedTree : public Tree {
 public:
  // All files have an index.
  // Errors: kInvalidArgument  a path that two files have, both named; kCorrupt
  static Result<std::unique_ptr<Tree>> Make(const Shards& shards, uint16_t main_field,
                                            const Field* label_field);

  TreeKind kind() const override { return TreeKind::kPaths; }
  Result<std::optional<Ino>> Lookup(Ino directory, std::string_view name) const override;
  Status List(Ino directory, uint64_t cursor, const EntrySink& sink) const override;
  Result<Ino> ParentOf(Ino directory) const override;
  Result<Attributes> AttributesOf(Ino ino) const override;
  Result<FileContents> Contents(Ino file) const override;
  Result<std::string> PathOf(Ino file) const override;

 private:
  // One file's share of a directory.
  struct Part {
    uint32_t shard;
    DirIndex directory;
    EntryIndex first_entry;
    uint64_t num_entries;
    uint64_t end;  // of its entries among those of all parts, in the order of the names
  };
  struct MergedDirectory {
    std::vector<Part> parts;      // in the order of their first names
    std::vector<uint64_t> order;  // part << 48 | entry in the part; empty: part after part
    uint64_t num_entries = 0;
  };
  // An entry of some part.
  struct Found {
    const Part* part;
    EntryIndex index;
    betonfs::Entry entry;
  };

  MergedTree(const Shards& shards, uint16_t main_field, const Field* label_field);
  Status MergeAll();
  Status Merge(size_t which);
  Result<std::vector<Part>> NonEmptyPartsInOrder(const std::vector<Part>& parts, bool& apart) const;
  Status MergeEntries(MergedDirectory& directory, std::vector<std::vector<Part>>& shared);
  Status CheckShared(const Found& first, const Found& second) const;
  Result<Part> MakePart(uint32_t shard, DirIndex directory) const;
  size_t AddDirectory(std::vector<Part> parts);

  const IndexView& index(uint32_t shard) const;
  const MergedDirectory* Merged(Ino directory) const;  // nullptr: it is in one file only
  const PathsTree& TreeOf(Ino ino) const;
  Result<Found> EntryAt(const MergedDirectory& directory, uint64_t position) const;
  Ino Target(const Found& found) const;
  Ino InoOf(uint32_t shard, DirIndex directory) const;

  std::vector<std::unique_ptr<PathsTree>> trees_;  // by shard
  std::vector<MergedDirectory> directories_;       // the root first
  // Which of directories_ holds a file's directory: shard << 32 | DirIndex.
  std::unordered_map<uint64_t, size_t> merged_;
};

}  // namespace betonfs
