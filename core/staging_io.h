// How the work area of a staging mount reaches the disk: the calls whose effects a power cut may
// undo, behind an interface, so that a test can drop and tear what was not synced.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "core/bytes.h"
#include "core/file.h"
#include "core/result.h"

namespace betonfs {

// What both offsets of a copy must be multiples of for the file system to share blocks instead.
inline constexpr uint64_t kReflinkAlignmentBytes = 4096;

// The system itself.  Stateless, so any thread may call anything.  `path` is for messages unless it
// is what the call acts on.  Errors: kNoSpace, kIo, and the others of FailErrno.
class StageIo {
 public:
  StageIo() = default;
  StageIo(const StageIo&) = delete;
  StageIo& operator=(const StageIo&) = delete;
  virtual ~StageIo() = default;

  virtual Result<UniqueFd> Open(const std::string& path, int flags, mode_t mode);
  virtual Status Write(int fd, Bytes bytes, uint64_t offset, const std::string& path);
  virtual Status Truncate(int fd, uint64_t size_bytes, const std::string& path);

  // Makes a range read as zeros: a hole where the file system can, written zeros where it cannot.
  // The file keeps its size.
  virtual Status Zero(int fd, Extent extent, const std::string& path);

  // Copies `size_bytes` from one open file to another (or the same, at another place).  Returns
  // whether the two now share their blocks (reflink), which is tried first when both offsets are
  // multiples of kReflinkAlignmentBytes; what is behind the last whole block is copied.
  virtual Result<bool> Copy(int from, uint64_t from_offset, int to, uint64_t to_offset,
                            uint64_t size_bytes, const std::string& path);

  virtual Status Sync(int fd, const std::string& path);
  virtual Status Rename(const std::string& from, const std::string& to);
  virtual Status Remove(const std::string& path);  // fine if it is not there
  // fsync of the directory that holds `path`.
  virtual Status SyncParent(const std::string& path);

  // Begins write-back of a range without waiting for it.  Never fails: it is only a hint.
  virtual void StartWriteback(int fd, Extent extent);
};

}  // namespace betonfs
