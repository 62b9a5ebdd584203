#include "tests/support/faulty_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace betonfs::test {
namespace {

struct stat StatOf(int fd) {
  struct stat info {};
  (void)fstat(fd, &info);
  return info;
}

}  // namespace

void FaultyIo::Note(int fd, uint64_t offset, uint64_t size_bytes, const std::string& path) {
  const struct stat info = StatOf(fd);
  const auto size = static_cast<uint64_t>(info.st_size);
  const uint64_t end = std::min(size, offset + size_bytes);
  std::string before(end > offset ? end - offset : 0, '\0');
  if (!before.empty()) {
    (void)ReadAt(fd, std::as_writable_bytes(std::span<char>(before)), offset, path);
  }
  const std::lock_guard lock(mutex_);
  changes_.push_back({info.st_ino, path, offset, std::move(before), size});
}

Status FaultyIo::Write(int fd, Bytes bytes, uint64_t offset, const std::string& path) {
  if (full_) return FailErrno(path, ENOSPC);
  Note(fd, offset, bytes.size(), path);
  return StageIo::Write(fd, bytes, offset, path);
}

Status FaultyIo::Truncate(int fd, uint64_t size_bytes, const std::string& path) {
  const auto size = static_cast<uint64_t>(StatOf(fd).st_size);
  Note(fd, std::min(size, size_bytes), size > size_bytes ? size - size_bytes : 0, path);
  return StageIo::Truncate(fd, size_bytes, path);
}

// A hole that was punched is not undone: the area zeroes only what it no longer needs, after a
// sync, and a test that finds it needed after all is one that should fail.
Status FaultyIo::Zero(int fd, Extent extent, const std::string& path) {
  return StageIo::Zero(fd, extent, path);
}

Result<bool> FaultyIo::Copy(int from, uint64_t from_offset, int to, uint64_t to_offset,
                            uint64_t size_bytes, const std::string& path) {
  if (full_) return FailErrno(path, ENOSPC);
  Note(to, to_offset, size_bytes, path);
  return StageIo::Copy(from, from_offset, to, to_offset, size_bytes, path);
}

Status FaultyIo::Sync(int fd, const std::string& path) {
  RETURN_IF_ERROR(StageIo::Sync(fd, path));
  const ino_t file = StatOf(fd).st_ino;
  const std::lock_guard lock(mutex_);
  std::erase_if(changes_, [&](const Change& change) { return change.file == file; });
  return {};
}

void FaultyIo::CutPower(uint32_t seed) {
  std::mt19937 random(seed);
  const std::lock_guard lock(mutex_);
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    const uint64_t fate = random() % 3;
    if (fate == 0) continue;  // it had reached the disk
    const auto fd = OpenFile(change->path, O_RDWR);
    if (!fd || StatOf(fd->get()).st_ino != change->file) continue;  // it has another name by now
    const size_t lost_from = fate == 1 ? 0 : change->before.size() / 2;  // torn in the middle
    const std::string_view lost = std::string_view(change->before).substr(lost_from);
    (void)WriteAt(fd->get(), AsBytes(lost), change->offset + lost_from, change->path);
    if (fate == 1 && change->size_before < static_cast<uint64_t>(StatOf(fd->get()).st_size)) {
      (void)ftruncate(fd->get(), static_cast<off_t>(change->size_before));
    }
  }
  changes_.clear();
}

}  // namespace betonfs::test
