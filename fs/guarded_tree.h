// A Tree that answers with what is in the file or with an error, whatever happens to the file
// meanwhile.
#pragma once

#include <memory>
#include <vector>

#include "fs/tree.h"
#include "fs/verify.h"

namespace betonfs {

// Hands everything on to another Tree, whose Shards are guarded (sigbus_guard.h), and looks after
// three things: pages that cannot be read are kIo; a file that has become shorter is kIo for what
// is behind its end, the zeros of its last page included (one fstat for every Contents()); and with
// VerifyMode::kRead contents are compared with their checksum before they are handed out for the
// first time.  Any thread may call anything.
class GuardedTree : public Tree {
 public:
  GuardedTree(std::unique_ptr<Tree> tree, VerifyMode mode);

  TreeKind kind() const override { return tree_->kind(); }
  Result<std::optional<Ino>> Lookup(Ino directory, std::string_view name) const override;
  Status List(Ino directory, uint64_t cursor, const EntrySink& sink) const override;
  Result<Ino> ParentOf(Ino directory) const override;
  Result<Attributes> AttributesOf(Ino ino) const override;
  Result<FileContents> Contents(Ino file) const override;
  Result<std::string> PathOf(Ino file) const override;

  // How often contents did not match their checksum, or could not be read to be compared.
  uint64_t num_failed_checks() const;

 private:
  Status CheckContents(Ino file, const FileContents& contents) const;

  std::unique_ptr<Tree> tree_;
  std::vector<std::unique_ptr<ContentsCheck>> checks_;  // one per file; none if not kRead
};

}  // namespace betonfs
