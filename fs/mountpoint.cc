#include "fs/mountpoint.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "core/file.h"
#include "fs/mount_table.h"

namespace betonfs {
namespace {

// STATFS is the one thing the kernel never answers out of its cache: names and attributes of a dead
// mount can live on there.
bool IsDead(const MountEntry& mount) {
  struct statfs st;
  return mount.type.starts_with("fuse") && statfs(mount.mountpoint.c_str(), &st) != 0 &&
         (errno == ENOTCONN || errno == ECONNABORTED);  // the latter while its daemon dies
}

// Unmounts dead mounts, however many lie upon each other, and returns the living one if there is.
Result<std::optional<MountEntry>> ClearDeadMounts(const std::string& path) {
  for (;;) {
    ASSIGN_OR_RETURN(auto mount, FindMount(path));
    if (!mount || !IsDead(*mount)) return mount;
    RETURN_IF_ERROR(Unmount(path, /*lazy=*/true));
  }
}

Result<bool> IsEmptyDirectory(const std::string& path) {
  DIR* dir = opendir(path.c_str());
  if (!dir) return FailErrno("mountpoint " + path, errno);
  bool empty = true;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") empty = false;
  }
  closedir(dir);
  return empty;
}

Status CheckDirectory(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) return FailErrno("mountpoint " + path, errno);
  if (S_ISDIR(st.st_mode)) return {};
  return Fail(ErrorKind::kInvalidArgument, "mountpoint " + path + ": not a directory");
}

Status UnmountByHelper(const std::string& mountpoint, bool lazy) {
  const char* argv[] = {"fusermount3", "-u", lazy ? "-z" : "--", mountpoint.c_str(), nullptr};
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, argv[0], nullptr, nullptr, const_cast<char**>(argv), environ);
  if (error != 0) return FailErrno("fusermount3", error);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Fail(ErrorKind::kBusy, "fusermount3 could not unmount " + mountpoint);
}

}  // namespace

// realpath(3) asks the mounted file system and so fails on a dead one; the parent is alive.
Result<std::string> ResolveMountpoint(const std::string& mountpoint) {
  char resolved[PATH_MAX];
  if (realpath(mountpoint.c_str(), resolved)) return std::string(resolved);
  if (errno != ENOTCONN) return FailErrno("mountpoint " + mountpoint, errno);
  std::filesystem::path path(mountpoint);
  if (!path.has_filename()) path = path.parent_path();  // "mnt/"
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  if (!realpath(parent.c_str(), resolved)) {
    return FailErrno("mountpoint " + mountpoint, errno);
  }
  return std::string(resolved) + "/" + path.filename().string();
}

Status CheckFuseDevice() {
  const UniqueFd fd(open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (fd.valid()) return {};
  if (errno == ENOENT || errno == ENXIO || errno == ENODEV) {
    return Fail(ErrorKind::kNotFound,
                "/dev/fuse is missing: load the fuse module (modprobe fuse) or, in a container, "
                "pass the device in",
                errno);
  }
  return FailErrno("/dev/fuse", errno);
}

Result<std::string> PrepareMountpoint(const std::string& mountpoint, bool nonempty) {
  ASSIGN_OR_RETURN(std::string path, ResolveMountpoint(mountpoint));
  ASSIGN_OR_RETURN(const auto mounted, ClearDeadMounts(path));
  RETURN_IF_ERROR(CheckDirectory(path));
  if (mounted) {
    return Fail(ErrorKind::kBusy, "mountpoint " + path + ": " + mounted->source + " (" +
                                      mounted->type + ") is mounted there already");
  }
  if (nonempty) return path;
  ASSIGN_OR_RETURN(const bool empty, IsEmptyDirectory(path));
  if (empty) return path;
  return Fail(ErrorKind::kBusy,
              "mountpoint " + path + ": not empty (-o nonempty mounts over what is there)");
}

Status Unmount(const std::string& mountpoint, bool lazy) {
  if (geteuid() != 0) return UnmountByHelper(mountpoint, lazy);
  const int flags = UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0);
  if (umount2(mountpoint.c_str(), flags) == 0) return {};
  if (errno == EINVAL) {
    return Fail(ErrorKind::kInvalidArgument, mountpoint + ": not a mountpoint", EINVAL);
  }
  return FailErrno("unmount " + mountpoint, errno);
}

}  // namespace betonfs
