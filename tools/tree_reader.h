// A .beton file as the tree that its mount shows, without mounting it: for ls, cat and unpack.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/result.h"
#include "fs/shards.h"
#include "fs/sigbus_guard.h"
#include "fs/tree.h"

namespace betonfs {

// "a" + "b" -> "a/b"; the root's path is "".
std::string JoinPath(std::string_view directory, std::string_view name);

// Owns file and tree.  Any thread may call anything.
class TreeReader {
 public:
  // Errors: those of Shards::Open and Tree::Make.
  static Result<std::unique_ptr<TreeReader>> Open(const std::string& path,
                                                  TreeKind kind = TreeKind::kAuto);

  const Dataset& dataset() const { return *shards_->all().front().dataset; }
  const Tree& tree() const { return *tree_; }

  // "a/b.jpg"; slashes in front, behind and in a row mean nothing; "" and "/" are the root.
  // Errors: kNotFound  names the part that is missing; those of Tree::Lookup.
  Result<Ino> Find(std::string_view path) const;

  // Hands the bytes of a file to `sink`, in order, in parts of at most 1 MiB.
  // Errors: kInvalidArgument  a directory; those of Tree::Contents and of `sink`
  //         kIo               the file lost its bytes meanwhile, or the disk failed
  Status ReadFile(Ino file, const std::function<Status(Bytes part)>& sink) const;

 private:
  explicit TreeReader(std::unique_ptr<Shards> shards);

  std::unique_ptr<Shards> shards_;
  SigbusGuard guard_;
  std::unique_ptr<Tree> tree_;
};

}  // namespace betonfs
