// Opens the files of a walked tree the cheap way: relative to directories that stay open.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "core/file.h"
#include "core/result.h"
#include "core/walk.h"

namespace betonfs {

// Borrows the tree.  One thread at a time: each worker has its own.  Keeps up to 64 directories
// open, and no path it hands to the system is longer than a name, however deep the tree.
class TreeOpener {
 public:
  explicit TreeOpener(const FileTree& tree) : tree_(tree) {}

  // For reading.  Never blocks on what became a fifo.
  // Errors: kChanged  a directory on the way or the file is gone
  //         others    from the system, naming the file
  Result<UniqueFd> Open(const WalkedFile& file);

  // "<root>/<path>", printable, for messages about it.
  std::string NameForPeople(const WalkedFile& file) const;

 private:
  Result<int> DirectoryFd(uint32_t directory);

  const FileTree& tree_;
  std::unordered_map<uint32_t, UniqueFd> open_;
  uint32_t last_ = ~uint32_t{0};
  int last_fd_ = -1;  // of last_, owned by open_
};

}  // namespace betonfs
