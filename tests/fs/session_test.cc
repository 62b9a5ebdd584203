// A session that lives in the sandbox: that what libfuse does there is allowed, and that the mount
// goes away all the same.  A daemon that makes a forbidden call dies on the spot in a build with
// assertions, so that these are also the tests of the list of calls.
#include "fs/session.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "fs/mount_table.h"
#include "fs/sandbox.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

constexpr int kNoMounts = 77;

fuse_lowlevel_ops OneEmptyDirectory() {
  fuse_lowlevel_ops ops{};
  ops.getattr = [](fuse_req_t request, fuse_ino_t, fuse_file_info*) {
    struct stat attr {};
    attr.st_mode = S_IFDIR | 0755;
    attr.st_nlink = 2;
    fuse_reply_attr(request, &attr, 60);
  };
  return ops;
}

bool IsMounted(const std::string& path) {
  const auto mount = FindMount(path);
  return mount && mount->has_value();
}

// Mounts in a namespace of its own, enters the sandbox, serves until SIGTERM, unmounts. `meanwhile`
// runs while it serves.  0: all was as it should be.
int LiveInSandbox(const std::string& mountpoint, const std::function<void()>& meanwhile) {
  return test::RunInChild([&] {
    if (access("/dev/fuse", R_OK | W_OK) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr) != 0) {
      return kNoMounts;
    }
    SessionOptions options;
    options.mountpoint = mountpoint;
    options.fsname = "test";
    options.unmount_by_helper = true;
    {
      auto session = Session::Mount(OneEmptyDirectory(), nullptr, options);
      if (!session) return 2;
      EnterSandbox({});
      const Status served = (*session)->Run([&] {
        meanwhile();
        raise(SIGTERM);
      });
      if (!served || !IsMounted(mountpoint)) return 3;
    }
    return IsMounted(mountpoint) ? 4 : 0;
  });
}

TEST(SessionInSandbox, ServesAndUnmounts) {
  const test::TempDir dir;
  const int status = LiveInSandbox(dir.path(), [] {});
  if (status == kNoMounts) GTEST_SKIP() << "mounting needs /dev/fuse and root";
  EXPECT_EQ(status, 0);
}

TEST(SessionInSandbox, UnmountsAlsoWhileSomebodyHoldsIt) {
  const test::TempDir dir;
  const int status = LiveInSandbox(dir.path(), [&] {
    // Landlock forbids opening for reading, not naming.
    static_cast<void>(open(dir.path().c_str(), O_PATH | O_CLOEXEC));
  });
  if (status == kNoMounts) GTEST_SKIP() << "mounting needs /dev/fuse and root";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace betonfs
