// shards=dirs: each of several files in a directory of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fs/tree.h"

namespace betonfs {

// One directory per file, called like it without ".beton"; below it the file's own tree.  A
// directory's inode number is (number in the file's tree + 1) * files + file, the tree's root being
// the file's number alone.
class ShardDirsTree : public Tree {
 public:
  // `trees` in the order of the shards; each knows samples by their number over all files.
  ShardDirsTree(const Shards& shards, std::vector<std::unique_ptr<Tree>> trees);

  TreeKind kind() const override { return trees_.front()->kind(); }
  Result<std::optional<Ino>> Lookup(Ino directory, std::string_view name) const override;
  Status List(Ino directory, uint64_t cursor, const EntrySink& sink) const override;
  Result<Ino> ParentOf(Ino directory) const override;
  Result<Attributes> AttributesOf(Ino ino) const override;
  Result<FileContents> Contents(Ino file) const override;
  Result<std::string> PathOf(Ino file) const override;

 private:
  // A directory or file as the tree of its file knows it.
  struct Inner {
    size_t which;
    Ino ino;
  };
  Result<Inner> InnerOf(Ino ino) const;
  Ino OuterOf(size_t which, Ino inner) const;

  std::vector<std::unique_ptr<Tree>> trees_;
  std::vector<std::string> names_;
};

}  // namespace betonfs
