// The only open, mmap, munmap, close, pread and pwrite of the project.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <utility>

#include "core/bytes.h"
#include "core/result.h"

namespace betonfs {

// Owns a file descriptor, or -1 for none.  Closes it when it dies.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC, never onto descriptors 0 to 2.  Errors name `path`.
Result<UniqueFd> OpenFile(const std::string& path, int flags, mode_t mode = 0);

// What tells whether a file is still the one that was opened.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  uint64_t size_bytes = 0;
  int64_t mtime_s = 0;
  int64_t mtime_ns = 0;
  bool operator==(const FileIdentity&) const = default;
};
Result<FileIdentity> IdentityOf(int fd, const std::string& path);
Result<FileIdentity> IdentityOf(const std::string& path);

// A regular file mapped read-only and whole.  Owns mapping and descriptor; immutable, so any thread
// may use it.  The bytes stay valid until it dies; if the file is cut short underneath, touching
// the lost pages raises SIGBUS (see fs/sigbus_guard.h).
class MappedFile {
 public:
  // Errors: kNotFound, kPermission, kIo  from the system
  //         kInvalidArgument             not a regular file (a directory, a device)
  static Result<MappedFile> Open(const std::string& path);

  // Bytes that somebody else keeps for as long as this lives, without a descriptor: tests and
  // fuzzing, which let a sanitizer guard their ends.
  static MappedFile Borrow(Bytes bytes, std::string path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  Bytes bytes() const { return bytes_; }
  int fd() const { return fd_.get(); }  // -1 if borrowed
  const std::string& path() const { return path_; }
  const FileIdentity& identity() const { return identity_; }  // as it was when opened

 private:
  MappedFile(std::string path, UniqueFd fd, FileIdentity identity, Bytes bytes);

  std::string path_;
  UniqueFd fd_;
  FileIdentity identity_;
  Bytes bytes_;  // unmapped at the end if there is a descriptor
};

// All of `bytes` at `offset`; short writes and EINTR are continued.  `path` is for the error.
Status WriteAt(int fd, Bytes bytes, uint64_t offset, const std::string& path);

// Fills all of `bytes` from `offset`.  Error kTruncated if the file ends before.
Status ReadAt(int fd, MutableBytes bytes, uint64_t offset, const std::string& path);

// fsync of the directory that holds `path`, so that a rename or a new name in it survives power
// loss.
Status SyncParentDirectory(const std::string& path);

// A file that takes the place of `target` all at once, or leaves no trace.
//
// It has no name until Commit() (O_TMPFILE), so even kill -9 leaves nothing behind; where the file
// system has no O_TMPFILE it is a dot file beside `target`, removed by the destructor.  A target
// that is a symbolic link is followed; one that is replaced passes its permissions on.  One thread
// at a time; the descriptor may be written positionally by many.
class ReplacementFile {
 public:
  enum class Existing { kRefuse, kReplace };

  // Errors: kExists           `target` is there and `existing` is kRefuse (asked again by Commit)
  //         kInvalidArgument  `target` is a directory
  //         kNotFound, kPermission, kNoSpace, kIo
  static Result<ReplacementFile> Create(const std::string& target, Existing existing);

  ReplacementFile(ReplacementFile&& other) noexcept;
  ReplacementFile& operator=(ReplacementFile&&) = delete;
  ~ReplacementFile();

  int fd() const { return fd_.get(); }
  const std::string& target() const { return target_; }

  // fsync, rename over the target, fsync of the directory.  On an error the old file is as it was.
  // Errors: kExists, kNoSpace, kIo.
  Status Commit();

 private:
  ReplacementFile(std::string target, Existing existing, UniqueFd fd, std::string temporary_path);
  Status GiveTemporaryName();

  std::string target_;
  Existing existing_;
  UniqueFd fd_;
  std::string temporary_path_;  // empty while the file has no name
};

}  // namespace betonfs
