// A directory on disk, listed whole: what a pack is planned from.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/index_builder.h"
#include "core/result.h"

namespace betonfs {

enum class SymlinkPolicy {
  kFollow,  // what they point at, with cycles detected
  kInside,  // only what they point at inside the tree
  kSkip,    // none
};

struct WalkOptions {
  SymlinkPolicy symlinks = SymlinkPolicy::kFollow;
  unsigned num_threads = 1;
  const std::atomic<bool>* cancel = nullptr;
  // A file that is left out: the target of the pack, which may lie in the tree.  inode 0: none.
  FileIdentity output{};
};

struct WalkedDirectory {
  uint32_t parent = 0;  // the root is its own parent
  uint32_t name_size = 0;
  uint64_t name_offset = 0;
  uint64_t num_files = 0;  // directly in it
  EntryAttributes attributes;
};

struct WalkedFile {
  uint32_t directory = 0;
  uint32_t name_size = 0;
  uint64_t name_offset = 0;
  uint64_t size_bytes = 0;
  EntryAttributes attributes;
};

// Why an entry is not in the tree.
enum class SkipReason : uint8_t {
  kDanglingLink,  // points nowhere, or at itself
  kLinkCycle,     // points at a directory it lies in
  kOutsideLink,   // SymlinkPolicy::kInside
  kLink,          // SymlinkPolicy::kSkip
  kSocket,
  kFifo,
  kDevice,
  kOutput,  // WalkOptions::output
};
const char* Describe(SkipReason reason);  // "dangling link", "socket", ...

struct SkippedEntry {
  std::string path;  // below the root
  SkipReason reason;
};

// Sorted: directories depth first, names in a directory bytewise, files in the same order.  The
// same tree gives the same listing at any thread count.
class FileTree {
 public:
  const std::string& root() const { return root_; }
  const std::vector<WalkedDirectory>& directories() const { return directories_; }
  const std::vector<WalkedFile>& files() const { return files_; }
  const std::vector<SkippedEntry>& skipped() const { return skipped_; }

  std::string_view NameOf(const WalkedDirectory& directory) const {
    return std::string_view(names_).substr(directory.name_offset, directory.name_size);
  }
  std::string_view NameOf(const WalkedFile& file) const {
    return std::string_view(names_).substr(file.name_offset, file.name_size);
  }
  // Below the root: "a/b/c.jpg"; "" for the root itself.
  std::string PathOf(const WalkedDirectory& directory) const;
  std::string PathOf(const WalkedFile& file) const;

 private:
  friend class TreeMerger;  // of walk.cc

  std::string root_;
  std::string names_;
  std::vector<WalkedDirectory> directories_;
  std::vector<WalkedFile> files_;
  std::vector<SkippedEntry> skipped_;
};

// Lists everything below `root`, several directories at a time and large ones in pieces.  Each
// directory costs an open, each file one statx relative to its directory, so that no path is ever
// longer than a name.
// Errors: kNotFound, kPermission, kIo  naming the directory or file
//         kInvalidArgument             `root` is no directory; an entry `.betonfs` at the root,
//                                      where a mount has its control files
//         kCancelled
Result<FileTree> Walk(const std::string& root, const WalkOptions& options);

}  // namespace betonfs
