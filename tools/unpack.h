// Writes the tree of a .beton file into a directory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "core/result.h"
#include "tools/tree_reader.h"

namespace betonfs {

struct UnpackOptions {
  bool force = false;        // replace files that are there, and use a directory that is not empty
  unsigned num_threads = 0;  // 0: one per processor
  const std::atomic<bool>* cancel = nullptr;
  // Both are called by any thread, one at a time.
  std::function<void(uint64_t num_files, uint64_t size_bytes)> on_progress = {};
  std::function<void(const std::string& path, const Error& error)> on_failure = {};
};

struct UnpackReport {
  uint64_t num_files = 0;
  uint64_t num_directories = 0;
  uint64_t size_bytes = 0;
  uint64_t num_failed = 0;  // files that were not written; each was told to on_failure
};

// Files get the bytes and the mtime of a mount, directories theirs when all is written, and their
// modes where the file stores them (made-up names get what the umask leaves).  Contents
// are compared with their checksum where the file has one.  A sample that is damaged is told to
// on_failure and left out, and the rest is written.  Nothing is written outside `directory`: names
// are single components by IndexView's promise, and no symbolic link below it is followed.  When
// cancelled, what is there is whole files.
// Errors: kExists  `directory` is not empty, or with `force` a directory stands where a file goes
//         kInvalidArgument  `directory` is a file
//         kCancelled, kNoSpace, kPermission, kIo  as they come; the work ends there
Result<UnpackReport> Unpack(const TreeReader& reader, const std::string& directory,
                            const UnpackOptions& options);

}  // namespace betonfs
