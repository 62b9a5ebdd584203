#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "core/text.h"

namespace betonfs {
namespace {

constexpr int kFirstFreeFd = 3;  // 0 to 2 are stdin, stdout, stderr, even when they are closed

FileIdentity IdentityFrom(const struct stat& info) {
  return {info.st_dev, info.st_ino, static_cast<uint64_t>(info.st_size), info.st_mtim.tv_sec,
          info.st_mtim.tv_nsec};
}

std::string ParentDirectory(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

std::string BaseName(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

// Gives an O_TMPFILE file a name.  /proc may be out of reach in a sandbox, and AT_EMPTY_PATH asks
// for a capability, so each stands in for the other.
int LinkFd(int fd, const std::string& path) {
  if (linkat(fd, "", AT_FDCWD, path.c_str(), AT_EMPTY_PATH) == 0) return 0;
  if (errno == EEXIST) return -1;
  const std::string link = Cat("/proc/self/fd/", fd);
  return linkat(AT_FDCWD, link.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW);
}

// A name beside `target` that nobody has.
std::string TemporaryName(const std::string& target, int attempt) {
  return Cat(ParentDirectory(target), "/.", BaseName(target).substr(0, 200), ".", getpid(), ".",
             attempt, ".tmp");
}
constexpr int kMaxTemporaryNames = 1000;

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) close(fd_);
}

Result<UniqueFd> OpenFile(const std::string& path, int flags, mode_t mode) {
  int raw;
  do {
    raw = open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (raw < 0 && errno == EINTR);
  if (raw < 0) return FailErrno(path, errno);
  UniqueFd fd(raw);
  if (raw < kFirstFreeFd) {
    UniqueFd moved(fcntl(raw, F_DUPFD_CLOEXEC, kFirstFreeFd));
    if (!moved.valid()) return FailErrno(path, errno);
    return moved;
  }
  return fd;
}

Result<FileIdentity> IdentityOf(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return FailErrno(path, errno);
  return IdentityFrom(info);
}

Result<FileIdentity> IdentityOf(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return FailErrno(path, errno);
  return IdentityFrom(info);
}

Result<MappedFile> MappedFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a fifo must not wait for its writer.
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY | O_NONBLOCK));
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return FailErrno(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return Fail(ErrorKind::kInvalidArgument,
                Cat(path, S_ISDIR(info.st_mode) ? ": is a directory, expected a .beton file"
                                                : ": is not a regular file"));
  }
  const auto size = static_cast<size_t>(info.st_size);
  Bytes bytes;
  if (size > 0) {  // mmap refuses nothing at all
    void* address = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (address == MAP_FAILED) return FailErrno(Cat(path, ": mmap"), errno);
    bytes = {static_cast<const std::byte*>(address), size};
  }
  return MappedFile(path, std::move(fd), IdentityFrom(info), bytes);
}

MappedFile MappedFile::Borrow(Bytes bytes, std::string path) {
  return MappedFile(std::move(path), UniqueFd(), FileIdentity{.size_bytes = bytes.size()}, bytes);
}

MappedFile::MappedFile(std::string path, UniqueFd fd, FileIdentity identity, Bytes bytes)
    : path_(std::move(path)), fd_(std::move(fd)), identity_(identity), bytes_(bytes) {}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::move(other.fd_)),
      identity_(other.identity_),
      bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(identity_, other.identity_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (fd_.valid() && !bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Status WriteAt(int fd, Bytes bytes, uint64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FailErrno(Cat(path, ": write at ", offset), errno);
    bytes = bytes.subspan(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return {};
}

Status ReadAt(int fd, MutableBytes bytes, uint64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t got = pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(Cat(path, ": read at ", offset), errno);
    if (got == 0) {
      return Fail(ErrorKind::kTruncated,
                  Cat(path, ": ends at ", offset, ", expected ", bytes.size(), " bytes more"));
    }
    bytes = bytes.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return {};
}

Status SyncParentDirectory(const std::string& path) {
  const std::string parent = ParentDirectory(path);
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(parent, O_RDONLY | O_DIRECTORY));
  if (fsync(fd.get()) != 0) return FailErrno(Cat(parent, ": fsync"), errno);
  return {};
}

Result<ReplacementFile> ReplacementFile::Create(const std::string& name, Existing existing) {
  std::string target = name;
  mode_t mode = 0;
  struct stat info;
  if (lstat(name.c_str(), &info) == 0) {
    if (existing == Existing::kRefuse) {
      return Fail(ErrorKind::kExists, Cat(name, ": exists already"), EEXIST);
    }
    if (S_ISLNK(info.st_mode)) {  // the file changes, not the link that leads to it
      std::error_code error;
      target = std::filesystem::canonical(name, error).string();
      if (error) return FailErrno(name, error.value());
      if (stat(target.c_str(), &info) != 0) return FailErrno(target, errno);
    }
    if (S_ISDIR(info.st_mode)) {
      return Fail(ErrorKind::kInvalidArgument, Cat(name, ": is a directory"), EISDIR);
    }
    mode = info.st_mode & 0777;
  }

  auto fd = OpenFile(ParentDirectory(target), O_TMPFILE | O_RDWR, 0666);
  std::string temporary_path;
  // EISDIR: a kernel, EOPNOTSUPP: a file system without O_TMPFILE.
  if (!fd && (fd.error().sys_errno == EOPNOTSUPP || fd.error().sys_errno == EISDIR)) {
    for (int attempt = 0; attempt < kMaxTemporaryNames; ++attempt) {
      temporary_path = TemporaryName(target, attempt);
      fd = OpenFile(temporary_path, O_CREAT | O_EXCL | O_RDWR, 0666);
      if (fd || fd.error().sys_errno != EEXIST) break;
    }
  }
  if (!fd) return tl::unexpected(std::move(fd).error());
  ReplacementFile file(target, existing, std::move(*fd), temporary_path);
  if (mode != 0 && fchmod(file.fd(), mode) != 0) return FailErrno(target, errno);
  return file;
}

ReplacementFile::ReplacementFile(std::string target, Existing existing, UniqueFd fd,
                                 std::string temporary_path)
    : target_(std::move(target)),
      existing_(existing),
      fd_(std::move(fd)),
      temporary_path_(std::move(temporary_path)) {}

ReplacementFile::ReplacementFile(ReplacementFile&& other) noexcept
    : target_(std::move(other.target_)),
      existing_(other.existing_),
      fd_(std::move(other.fd_)),
      temporary_path_(std::exchange(other.temporary_path_, {})) {}

ReplacementFile::~ReplacementFile() {
  if (!temporary_path_.empty()) unlink(temporary_path_.c_str());
}

Status ReplacementFile::Commit() {
  if (fsync(fd_.get()) != 0) return FailErrno(Cat(target_, ": fsync"), errno);
  // A link takes a free name and refuses a taken one, both in one step.
  const bool linked =
      (temporary_path_.empty() ? LinkFd(fd_.get(), target_)
                               : link(temporary_path_.c_str(), target_.c_str())) == 0;
  if (!linked && errno != EEXIST) return FailErrno(target_, errno);
  if (!linked && existing_ == Existing::kRefuse) {
    return Fail(ErrorKind::kExists, Cat(target_, ": exists already"), EEXIST);
  }
  if (!linked) {
    RETURN_IF_ERROR(GiveTemporaryName());
    if (rename(temporary_path_.c_str(), target_.c_str()) != 0) return FailErrno(target_, errno);
    temporary_path_.clear();
  }
  if (!temporary_path_.empty()) {
    unlink(temporary_path_.c_str());
    temporary_path_.clear();
  }
  return SyncParentDirectory(target_);
}

// A file without a name cannot be renamed over another.
Status ReplacementFile::GiveTemporaryName() {
  for (int attempt = 0; temporary_path_.empty() && attempt < kMaxTemporaryNames; ++attempt) {
    const std::string name = TemporaryName(target_, attempt);
    if (LinkFd(fd_.get(), name) == 0) {
      temporary_path_ = name;
    } else if (errno != EEXIST) {
      return FailErrno(name, errno);
    }
  }
  if (temporary_path_.empty()) {
    return Fail(ErrorKind::kExists, Cat(TemporaryName(target_, 0), ": is in the way"), EEXIST);
  }
  return {};
}

}  // namespace betonfs
