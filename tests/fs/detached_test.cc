#include "fs/detached.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace betonfs {
namespace {

TEST(RunDetached, ReturnsOnceTheServerIsReady) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const Status started = RunDetached([&](StartAnnouncer& announcer) -> Status {
    announcer.Ready();
    const pid_t self = getpid();  // it lives on, in a session of its own
    if (write(fds[1], &self, sizeof self) < 0) return FailErrno("write", errno);
    return {};
  });
  EXPECT_TRUE(started);
  pid_t server = 0;
  ASSERT_EQ(read(fds[0], &server, sizeof server), static_cast<ssize_t>(sizeof server));
  EXPECT_NE(server, getpid());
  close(fds[0]);
  close(fds[1]);
}

TEST(RunDetached, PassesTheServersErrorOnWhole) {
  const Status started = RunDetached([](StartAnnouncer&) -> Status {
    return Fail(ErrorKind::kBusy, "mountpoint /mnt: not empty", EBUSY);
  });
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, ErrorKind::kBusy);
  EXPECT_EQ(started.error().message, "mountpoint /mnt: not empty");
  EXPECT_EQ(started.error().sys_errno, EBUSY);
}

TEST(RunDetached, TellsOfAServerThatWasKilled) {
  const Status started = RunDetached([](StartAnnouncer&) -> Status {
    raise(SIGKILL);
    return {};
  });
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, "the server was killed by signal 9 before it answered");
}

TEST(RunDetached, AnErrorAfterTheAnswerGoesNowhere) {
  EXPECT_TRUE(RunDetached([](StartAnnouncer& announcer) -> Status {
    announcer.Ready();
    return Fail(ErrorKind::kIo, "too late");
  }));
}

}  // namespace
}  // namespace betonfs
