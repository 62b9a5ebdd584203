#include "fs/unmount_helper.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "fs/sandbox.h"
#include "tests/support/child.h"

namespace betonfs {
namespace {

using test::RunInChild;

// A tmpfs mounted in a mount namespace that the child process of each test has to itself.
class UnmountHelperTest : public testing::Test {
 protected:
  UnmountHelperTest() {
    char name[] = "/tmp/betonfs-unmount-XXXXXX";
    mountpoint_ = mkdtemp(name);
  }
  ~UnmountHelperTest() override { std::filesystem::remove_all(mountpoint_); }

  void ExpectWithMount(const std::function<bool()>& body) const {
    const int status = RunInChild([&] {
      if (unshare(CLONE_NEWNS) != 0 ||
          mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr) != 0 ||
          mount("tmpfs", mountpoint_.c_str(), "tmpfs", 0, nullptr) != 0) {
        return kNoMounts;
      }
      return body() ? 0 : 1;
    });
    if (status == kNoMounts) GTEST_SKIP() << "mounting needs root";
    EXPECT_EQ(status, 0);
  }
  bool IsMounted() const {
    struct stat here;
    struct stat parent;
    return stat(mountpoint_.c_str(), &here) == 0 && stat("/tmp", &parent) == 0 &&
           here.st_dev != parent.st_dev;
  }

  static constexpr int kNoMounts = 77;
  std::string mountpoint_;
};

TEST_F(UnmountHelperTest, UnmountsForAProcessInTheSandbox) {
  ExpectWithMount([&] {
    auto helper = UnmountHelper::Start(mountpoint_);
    EnterSandbox({});
    return IsMounted() && helper && helper->Unmount(UnmountHelper::Kind::kPlain) && !IsMounted();
  });
}

TEST_F(UnmountHelperTest, APlainUnmountOfAMountInUseIsBusyAndALazyOneIsNot) {
  ExpectWithMount([&] {
    auto helper = UnmountHelper::Start(mountpoint_);
    const UniqueFd held(open(mountpoint_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto plain = helper->Unmount(UnmountHelper::Kind::kPlain);
    return !plain && plain.error().kind == ErrorKind::kBusy && IsMounted() &&
           helper->Unmount(UnmountHelper::Kind::kLazy) && !IsMounted();
  });
}

TEST_F(UnmountHelperTest, WhatIsNotMountedIsAnErrorThatNamesIt) {
  ExpectWithMount([&] {
    auto helper = UnmountHelper::Start(mountpoint_ + "/nothing");
    const auto status = helper->Unmount(UnmountHelper::Kind::kPlain);
    return !status && status.error().message.starts_with(mountpoint_ + "/nothing: unmount");
  });
}

// The pid of this process's only child.
pid_t OnlyChild() {
  const std::string path = "/proc/self/task/" + std::to_string(getpid()) + "/children";
  FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return -1;
  int child = -1;
  if (std::fscanf(file, "%d", &child) != 1) child = -1;
  std::fclose(file);
  return child;
}

TEST_F(UnmountHelperTest, SignalsThatEndTheDaemonDoNotEndIt) {
  ExpectWithMount([&] {
    auto helper = UnmountHelper::Start(mountpoint_);
    // An answer shows that it has come as far as ignoring signals.
    const UniqueFd held(open(mountpoint_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (helper->Unmount(UnmountHelper::Kind::kPlain)) return false;
    for (const int signal_number : {SIGTERM, SIGINT, SIGHUP}) kill(OnlyChild(), signal_number);
    return helper->Unmount(UnmountHelper::Kind::kLazy).has_value();
  });
}

// A daemon that starts a helper, lives on with it, and is killed; returns when the helper is gone.
void KilledDaemon(const std::string& mountpoint, bool auto_unmount,
                  const std::function<void(UnmountHelper&)>& life) {
  static_cast<void>(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));  // to wait for its helper, too
  if (fork() == 0) {
    auto helper = UnmountHelper::Start(mountpoint, auto_unmount);
    if (helper) life(*helper);
    kill(getpid(), SIGKILL);
  }
  while (wait(nullptr) > 0 || errno == EINTR) {
  }
}

TEST_F(UnmountHelperTest, WithAutoUnmountItUnmountsForADaemonThatWasKilled) {
  ExpectWithMount([&] {
    KilledDaemon(mountpoint_, /*auto_unmount=*/true, [](UnmountHelper&) {});
    return !IsMounted();
  });
}

TEST_F(UnmountHelperTest, WithoutAutoUnmountItDoesNot) {
  ExpectWithMount([&] {
    KilledDaemon(mountpoint_, /*auto_unmount=*/false, [](UnmountHelper&) {});
    return IsMounted();
  });
}

TEST_F(UnmountHelperTest, WithAutoUnmountItLeavesWhatWasMountedThereLater) {
  ExpectWithMount([&] {
    KilledDaemon(mountpoint_, /*auto_unmount=*/true, [&](UnmountHelper&) {
      static_cast<void>(mount("tmpfs", mountpoint_.c_str(), "tmpfs", 0, nullptr));
    });
    return IsMounted() && umount(mountpoint_.c_str()) == 0 && IsMounted();
  });
}

TEST_F(UnmountHelperTest, WithAutoUnmountItLeavesWhatIsMountedWhenTheDaemonEndsAsItShould) {
  ExpectWithMount([&] {
    { const auto helper = UnmountHelper::Start(mountpoint_, /*auto_unmount=*/true); }
    return IsMounted();
  });
}

TEST_F(UnmountHelperTest, ItEndsWithTheDaemonAndLeavesNoZombie) {
  EXPECT_EQ(RunInChild([&] {
              { const auto helper = UnmountHelper::Start(mountpoint_); }
              return waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD ? 0 : 1;
            }),
            0);
}

TEST_F(UnmountHelperTest, ItHoldsNoDescriptorOfTheDaemon) {
  EXPECT_EQ(RunInChild([&] {
              int ends[2];
              if (pipe2(ends, O_CLOEXEC) != 0) return 2;
              auto helper = UnmountHelper::Start(mountpoint_);
              close(ends[1]);
              // The end of file comes only if the helper, too, has let go of the writing end.
              char byte;
              return read(ends[0], &byte, 1) == 0 ? 0 : 1;
            }),
            0);
}

TEST_F(UnmountHelperTest, AHelperThatWasKilledIsAnErrorAndNotAHang) {
  EXPECT_EQ(RunInChild([&] {
              auto helper = UnmountHelper::Start(mountpoint_);
              kill(OnlyChild(), SIGKILL);
              const auto status = helper->Unmount(UnmountHelper::Kind::kPlain);
              return !status && !helper->Unmount(UnmountHelper::Kind::kPlain) ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace betonfs
