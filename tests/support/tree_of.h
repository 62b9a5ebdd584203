// .beton files on disk and the tree of a mount over them, without a mount.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fs/tree.h"
#include "tests/support/beton_builder.h"
#include "tests/support/temp_dir.h"

namespace betonfs::test {

// The files are called file0.beton, file1.beton, ...
class TreeOf {
 public:
  explicit TreeOf(const std::vector<std::string>& betons, const TreeOptions& options = {});

  const Tree& operator*() const { return *tree_; }
  const Tree* operator->() const { return tree_.get(); }
  const std::string& error() const { return error_; }  // why there is no tree

  // All paths, depth first, each checked to lead back to the inode it was listed with.
  std::vector<std::string> Paths() const;
  // The inode at a path; 0 if there is none.
  Ino Find(std::string_view path) const;
  std::string Contents(std::string_view path) const;
  // A manifest, read in odd parts, as a reader that seeks would, and compared with the whole.
  std::string Document(std::string_view name, size_t part = 7) const;

 private:
  void Walk(Ino directory, const std::string& prefix, std::vector<std::string>& paths) const;

  TempDir dir_;
  std::string error_;
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<Tree> tree_;
};

TreeOptions Of(TreeKind kind);

// "sample 0", "sample 1", ... in a bytes field, with these labels.
BetonBuilder Labelled(const std::vector<int64_t>& labels);
// "contents of <path>" in a bytes field, with these paths in the index.
BetonBuilder Named(const std::vector<std::string>& paths);

}  // namespace betonfs::test
