// A disk that fails: a file system of one file, some ranges of which cannot be read.
//
//     faulty_fs BACKING RANGES MOUNTPOINT
//
// MOUNTPOINT/data shows the file BACKING.  RANGES is a text file of "offset size" lines; a read
// that touches one of them is EIO.  It is read anew at every request, so a disk can fail and
// recover while it is mounted (pages the kernel has already cached stay readable).  In the
// foreground until unmounted; for the mount tests.
#include <fcntl.h>
#include <fuse.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

namespace {

std::string ranges_path;
int backing_fd = -1;
constexpr char kName[] = "/data";

bool Fails(uint64_t offset, uint64_t size) {
  std::ifstream ranges(ranges_path);
  uint64_t bad_offset = 0;
  uint64_t bad_size = 0;
  while (ranges >> bad_offset >> bad_size) {
    if (offset < bad_offset + bad_size && bad_offset < offset + size) return true;
  }
  return false;
}

int GetAttr(const char* path, struct stat* attr, fuse_file_info*) {
  std::memset(attr, 0, sizeof *attr);
  if (std::strcmp(path, "/") == 0) {
    attr->st_mode = S_IFDIR | 0755;
    attr->st_nlink = 2;
    return 0;
  }
  if (std::strcmp(path, kName) != 0) return -ENOENT;
  if (fstat(backing_fd, attr) != 0) return -errno;
  attr->st_ino = 0;
  return 0;
}

int ReadDir(const char*, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info*,
            fuse_readdir_flags) {
  fill(buffer, kName + 1, nullptr, 0, fuse_fill_dir_flags{});
  return 0;
}

int Read(const char*, char* buffer, size_t size, off_t offset, fuse_file_info*) {
  if (Fails(static_cast<uint64_t>(offset), size)) return -EIO;
  const ssize_t got = pread(backing_fd, buffer, size, offset);
  return got < 0 ? -errno : static_cast<int>(got);
}

// One page per request, as far as the kernel lets us: a bad page then spoils no neighbour.
void* Init(fuse_conn_info* connection, fuse_config*) {
  connection->max_readahead = 0;
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: faulty_fs BACKING RANGES MOUNTPOINT\n";
    return 2;
  }
  ranges_path = std::filesystem::absolute(argv[2]);  // libfuse changes to the root
  backing_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (backing_fd < 0) {
    std::cerr << "faulty_fs: " << argv[1] << ": " << std::strerror(errno) << '\n';
    return 1;
  }
  fuse_operations operations{};
  operations.getattr = GetAttr;
  operations.readdir = ReadDir;
  operations.read = Read;
  operations.init = Init;
  char foreground[] = "-f";
  char options[] = "-omax_threads=4,allow_other,fsname=faulty_fs,default_permissions";
  char* arguments[] = {argv[0], foreground, options, argv[3], nullptr};
  return fuse_main(4, arguments, &operations, nullptr);
}
