#include "fs/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/support/child.h"

namespace betonfs {
namespace {

using test::RunInChild;

constexpr int kAllowed = 0;
constexpr int kNoFilter = 77;    // this build or kernel has no seccomp or Landlock
constexpr int kNoFunction = 78;  // the attempt failed for another reason

// A directory with one file to read and room to write; gone with the test.
class SandboxTest : public testing::Test {
 protected:
  SandboxTest() {
    char name[] = "/tmp/betonfs-sandbox-XXXXXX";
    dir_ = mkdtemp(name);
    std::filesystem::create_directory(dir_ + "/work");
    std::ofstream(dir_ + "/secret") << "secret";
    std::ofstream(dir_ + "/work/own") << "own";
  }
  ~SandboxTest() override { std::filesystem::remove_all(dir_); }

  static bool Missing(const std::vector<std::string>& notes, const std::string& what) {
    for (const auto& note : notes) {
      if (note.find(what) != std::string::npos) return true;
    }
    return false;
  }

  // What `attempt` (which returns 0 or an errno) comes to in the sandbox; a call that the filter
  // punishes with death counts as EPERM.
  static int InSandbox(const SandboxOptions& options, const std::string& needs,
                       const std::function<int()>& attempt) {
    const int status = RunInChild([&] {
      const auto notes = EnterSandbox(options);
      if (!needs.empty() && Missing(notes, needs)) return kNoFilter;
      return attempt();
    });
    return status == 128 + SIGSYS ? EPERM : status;
  }
  static int ErrnoIf(bool failed) { return failed ? errno : kAllowed; }
  static int TryOpen(const std::string& path, int flags) {
    return ErrnoIf(open(path.c_str(), flags | O_CLOEXEC, 0600) < 0);
  }

  std::string dir_;
};

#define SKIP_WITHOUT(result) \
  if ((result) == kNoFilter) GTEST_SKIP() << "not in this build or kernel"

TEST_F(SandboxTest, OtherFilesAreOutOfReach) {
  const int result = InSandbox({}, "Landlock", [&] { return TryOpen(dir_ + "/secret", O_RDONLY); });
  SKIP_WITHOUT(result);
  if (result == kAllowed) GTEST_SKIP() << "a build with sanitizers may read everything";
  EXPECT_EQ(result, EACCES);
}

TEST_F(SandboxTest, ReadableFilesCanBeReadAndNotWritten) {
  const SandboxOptions options{{dir_ + "/secret"}, {}};
  const auto attempt = [&](int flags) {
    return InSandbox(options, "Landlock", [&] { return TryOpen(dir_ + "/secret", flags); });
  };
  SKIP_WITHOUT(attempt(O_RDONLY));
  EXPECT_EQ(attempt(O_RDONLY), kAllowed);
  EXPECT_EQ(attempt(O_WRONLY), EACCES);
  EXPECT_EQ(attempt(O_RDONLY | O_TRUNC), EACCES);
}

TEST_F(SandboxTest, AWriterWorksBelowItsOwnDirectoryAndNowhereElse) {
  const SandboxOptions options{{}, {dir_ + "/work"}};
  const auto attempt = [&](const std::function<int()>& act) {
    return InSandbox(options, "Landlock", act);
  };
  const std::string work = dir_ + "/work";
  SKIP_WITHOUT(attempt([&] { return TryOpen(work + "/own", O_RDWR); }));
  EXPECT_EQ(attempt([&] { return TryOpen(work + "/new", O_RDWR | O_CREAT); }), kAllowed);
  EXPECT_EQ(attempt([&] { return TryOpen(work, O_TMPFILE | O_RDWR); }), kAllowed);
  EXPECT_EQ(attempt([&] { return ErrnoIf(mkdir((work + "/d").c_str(), 0700) != 0); }), kAllowed);
  EXPECT_EQ(attempt([&] {
              return ErrnoIf(rename((work + "/new").c_str(), (work + "/d/new").c_str()) != 0);
            }),
            kAllowed);
  EXPECT_EQ(attempt([&] { return ErrnoIf(unlink((work + "/d/new").c_str()) != 0); }), kAllowed);
  EXPECT_EQ(attempt([&] { return TryOpen(dir_ + "/new", O_RDWR | O_CREAT); }), EACCES);
  EXPECT_EQ(attempt([&] { return ErrnoIf(unlink((dir_ + "/secret").c_str()) != 0); }), EACCES);
}

TEST_F(SandboxTest, WhatADaemonReadsOfTheSystemIsStillThere) {
  for (const char* path : {"/proc/meminfo", "/proc/self/cgroup", "/dev/null"}) {
    EXPECT_EQ(InSandbox({}, "", [&] { return TryOpen(path, O_RDONLY); }), kAllowed) << path;
  }
}

TEST_F(SandboxTest, AnotherProcesssMemoryIsOutOfReach) {
  const std::string environment = "/proc/" + std::to_string(getpid()) + "/environ";
  ASSERT_EQ(RunInChild([&] { return TryOpen(environment, O_RDONLY); }), kAllowed);
  const int result = InSandbox({}, "Landlock", [&] { return TryOpen(environment, O_RDONLY); });
  SKIP_WITHOUT(result);
  EXPECT_EQ(result, EACCES);
}

TEST_F(SandboxTest, NoProgramCanBeStarted) {
  const int result = InSandbox({}, "seccomp", [] {
    execl("/bin/true", "true", nullptr);
    return errno;
  });
  SKIP_WITHOUT(result);
  EXPECT_TRUE(result == EPERM || result == EACCES) << result;
}

TEST_F(SandboxTest, ThreadsCanBeMadeAndProcessesNot) {
  EXPECT_EQ(InSandbox({}, "",
                      [] {
                        std::thread([] {}).join();
                        return kAllowed;
                      }),
            kAllowed);
  const int forked = InSandbox({}, "seccomp", [] {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    return ErrnoIf(child < 0);
  });
  SKIP_WITHOUT(forked);
  EXPECT_EQ(forked, EPERM);
}

TEST_F(SandboxTest, TheNetworkIsOutOfReach) {
  const int result = InSandbox(
      {}, "seccomp", [] { return ErrnoIf(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0); });
  SKIP_WITHOUT(result);
  EXPECT_EQ(result, EPERM);
}

TEST_F(SandboxTest, NoMemoryBecomesCode) {
  const int result = InSandbox({}, "seccomp", [] {
    void* at = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return kNoFunction;
    return ErrnoIf(mprotect(at, 4096, PROT_READ | PROT_EXEC) != 0);
  });
  SKIP_WITHOUT(result);
  EXPECT_EQ(result, EPERM);
}

TEST_F(SandboxTest, OtherProcessesCannotBeSignalled) {
  const pid_t parent = getpid();
  const int result = InSandbox({}, "seccomp", [&] { return ErrnoIf(kill(parent, 0) != 0); });
  SKIP_WITHOUT(result);
  EXPECT_EQ(result, EPERM);
}

TEST_F(SandboxTest, AReaderMayNotWriteFilesEvenWhereItCouldOpenThem) {
  const int result = InSandbox({}, "seccomp", [&] {
    return ErrnoIf(rename((dir_ + "/secret").c_str(), (dir_ + "/other").c_str()) != 0);
  });
  SKIP_WITHOUT(result);
  EXPECT_EQ(result, EPERM);
}

TEST_F(SandboxTest, RootIsNobodySpecialAnyMore) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  std::filesystem::create_directory(dir_ + "/mnt");
  ASSERT_EQ(chown((dir_ + "/secret").c_str(), 65534, 65534), 0);
  ASSERT_EQ(chmod((dir_ + "/secret").c_str(), 0600), 0);
  const SandboxOptions options{{dir_}, {}};
  EXPECT_EQ(InSandbox(options, "", [&] { return TryOpen(dir_ + "/secret", O_RDONLY); }), EACCES);
}

TEST_F(SandboxTest, ThereIsNoCoreDumpAndNoWayBack) {
  EXPECT_EQ(RunInChild([] {
              EnterSandbox({});
              std::ifstream status("/proc/self/status");
              for (std::string line; std::getline(status, line);) {
                if (line == "NoNewPrivs:\t1") return kAllowed;
              }
              return kNoFunction;
            }),
            kAllowed);
  // /proc/self belongs to root once the process is not dumpable; the flag itself cannot be asked
  // for, since prctl is among the calls that are gone.
  EXPECT_EQ(RunInChild([] {
              if (geteuid() == 0 &&
                  (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)) {
                return kNoFunction;
              }
              EnterSandbox({});
              struct stat info;
              if (stat("/proc/self/status", &info) != 0) return kNoFunction;
              return info.st_uid == 0 ? kAllowed : kNoFunction;
            }),
            kAllowed);
}

TEST(CloseInheritedDescriptors, LeavesTheStandardThree) {
  EXPECT_EQ(RunInChild([] {
              const int inherited = open("/dev/null", O_RDONLY | O_CLOEXEC);
              if (inherited < 3) return kNoFunction;
              CloseInheritedDescriptors();
              if (fcntl(inherited, F_GETFD) != -1) return kNoFunction;
              return fcntl(2, F_GETFD) == -1 ? kNoFunction : kAllowed;
            }),
            kAllowed);
}

}  // namespace
}  // namespace betonfs
