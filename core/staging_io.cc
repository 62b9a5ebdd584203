#include "core/staging_io.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

namespace betonfs {
namespace {

constexpr uint64_t kCopyBufferSizeBytes = 1u << 20;

// Returns how many bytes the files share from these offsets on now: whole blocks or nothing.
uint64_t Reflink(int from, uint64_t from_offset, int to, uint64_t to_offset, uint64_t size_bytes) {
  size_bytes = AlignDown(size_bytes, kReflinkAlignmentBytes);
  if ((from_offset | to_offset) % kReflinkAlignmentBytes != 0 || size_bytes == 0) return 0;
  file_clone_range range{};
  range.src_fd = from;
  range.src_offset = from_offset;
  range.src_length = size_bytes;
  range.dest_offset = to_offset;
  return ioctl(to, FICLONERANGE, &range) == 0 ? size_bytes : 0;
}

}  // namespace

Result<UniqueFd> StageIo::Open(const std::string& path, int flags, mode_t mode) {
  return OpenFile(path, flags, mode);
}

Status StageIo::Write(int fd, Bytes bytes, uint64_t offset, const std::string& path) {
  return WriteAt(fd, bytes, offset, path);
}

Status StageIo::Truncate(int fd, uint64_t size_bytes, const std::string& path) {
  if (ftruncate(fd, static_cast<off_t>(size_bytes)) != 0) {
    return FailErrno(path + ": cannot set the size to " + std::to_string(size_bytes), errno);
  }
  return {};
}

Status StageIo::Zero(int fd, Extent extent, const std::string& path) {
  if (extent.size == 0) return {};
  if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(extent.offset),
                static_cast<off_t>(extent.size)) == 0) {
    return {};
  }
  if (errno != EOPNOTSUPP && errno != ENOSYS) return FailErrno(path + ": cannot zero", errno);
  const std::vector<std::byte> zeros(std::min(extent.size, kCopyBufferSizeBytes));
  while (extent.size > 0) {
    const uint64_t part = std::min<uint64_t>(extent.size, zeros.size());
    RETURN_IF_ERROR(WriteAt(fd, {zeros.data(), part}, extent.offset, path));
    extent.offset += part;
    extent.size -= part;
  }
  return {};
}

Result<bool> StageIo::Copy(int from, uint64_t from_offset, int to, uint64_t to_offset,
                           uint64_t size_bytes, const std::string& path) {
  if (size_bytes == 0) return false;
  const uint64_t shared = Reflink(from, from_offset, to, to_offset, size_bytes);
  from_offset += shared;
  to_offset += shared;
  size_bytes -= shared;
  std::vector<std::byte> buffer;  // only where the kernel cannot copy
  while (size_bytes > 0) {
    auto in = static_cast<off_t>(from_offset);
    auto out = static_cast<off_t>(to_offset);
    ssize_t copied = 0;
    if (buffer.empty()) copied = copy_file_range(from, &in, to, &out, size_bytes, 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0 && errno == ENOSPC) return FailErrno(path + ": cannot copy", ENOSPC);
    if (copied <= 0) {
      buffer.resize(std::min(size_bytes, kCopyBufferSizeBytes));
      const uint64_t part = std::min<uint64_t>(size_bytes, buffer.size());
      RETURN_IF_ERROR(ReadAt(from, {buffer.data(), part}, from_offset, path));
      RETURN_IF_ERROR(WriteAt(to, {buffer.data(), part}, to_offset, path));
      copied = static_cast<ssize_t>(part);
    }
    from_offset += static_cast<uint64_t>(copied);
    to_offset += static_cast<uint64_t>(copied);
    size_bytes -= static_cast<uint64_t>(copied);
  }
  return shared > 0;
}

Status StageIo::Sync(int fd, const std::string& path) {
  if (fdatasync(fd) != 0) return FailErrno(path + ": cannot sync", errno);
  return {};
}

Status StageIo::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) {
    return FailErrno(from + ": cannot rename to " + to, errno);
  }
  return {};
}

Status StageIo::Remove(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return FailErrno(path + ": cannot remove", errno);
  }
  return {};
}

Status StageIo::SyncParent(const std::string& path) { return SyncParentDirectory(path); }

void StageIo::StartWriteback(int fd, Extent extent) {
  (void)sync_file_range(fd, static_cast<off_t>(extent.offset), static_cast<off_t>(extent.size),
                        SYNC_FILE_RANGE_WRITE);
}

}  // namespace betonfs
