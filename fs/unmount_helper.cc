#include "fs/unmount_helper.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <optional>

#include "fs/mount_table.h"

namespace betonfs {
namespace {

constexpr int kTimeoutMs = 10'000;
constexpr int kSocket = 3;  // where the helper keeps its end

// What goes over the socket; each but the farewell is answered with an errno or 0.
enum class Request : uint8_t { kUnmount, kUnmountLazily, kFarewell };

// ---- In the helper.

void IgnoreSignals() {
  for (const int signal_number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2}) {
    signal(signal_number, SIG_IGN);
  }
  signal(SIGCHLD, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Not the daemon's terminal (whoever reads from it waits for its end), nor its /dev/fuse (the
// connection would outlive the daemon).
void KeepOnlySocket(int socket) {
  const int above = fcntl(socket, F_DUPFD_CLOEXEC, kSocket + 1);  // it may be one of the three
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {0, 1, 2}) dup2(null, standard);
  dup3(above, kSocket, O_CLOEXEC);
  close_range(kSocket + 1, ~0u, 0);
  static_cast<void>(chdir("/"));
}

// Root needs one right of all; the others need fusermount3's.
void KeepOnlyTheRightToUnmount() {
  prctl(PR_SET_NAME, "betonfs-umount", 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (geteuid() != 0) return;
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> only{};
  only[0].effective = only[0].permitted = 1u << CAP_SYS_ADMIN;
  static_cast<void>(syscall(SYS_capset, &header, only.data()));
}

// Returns 0 or an errno.
int RunFusermount(std::string mountpoint, bool lazily) {
  std::string program = "fusermount3";
  std::string options = lazily ? "-uqz" : "-uq";
  std::string end_of_options = "--";
  char* const arguments[] = {program.data(), options.data(), end_of_options.data(),
                             mountpoint.data(), nullptr};
  // fusermount3 is set-user-id and expects the usual signals.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t process = -1;
  const int failed =
      posix_spawnp(&process, program.c_str(), nullptr, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return failed;
  int status = 0;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return errno;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EBUSY;
}

int UnmountNow(const std::string& mountpoint, bool lazily) {
  if (geteuid() != 0) return RunFusermount(mountpoint, lazily);
  const int flags = UMOUNT_NOFOLLOW | (lazily ? MNT_DETACH : 0);
  return umount2(mountpoint.c_str(), flags) == 0 ? 0 : errno;
}

// Returns whether the daemon said farewell.
bool ServeRequests(const std::string& mountpoint) {
  Request request;
  while (read(kSocket, &request, sizeof request) == static_cast<ssize_t>(sizeof request)) {
    if (request == Request::kFarewell) return true;
    const int32_t outcome = UnmountNow(mountpoint, request == Request::kUnmountLazily);
    static_cast<void>(send(kSocket, &outcome, sizeof outcome, MSG_NOSIGNAL));
  }
  return false;
}

// `abandoned`: what to unmount if the daemon is killed.
[[noreturn]] void Serve(int socket, const std::string& mountpoint,
                        const std::optional<MountEntry>& abandoned) {
  setsid();  // who kills the daemon's process group leaves this one
  IgnoreSignals();
  KeepOnlySocket(socket);
  KeepOnlyTheRightToUnmount();
  if (!ServeRequests(mountpoint) && abandoned) {
    const auto mount = FindMount(mountpoint);
    // Somebody may have unmounted it already, and mounted something else.
    if (mount && *mount && (*mount)->device_minor == abandoned->device_minor) {
      UnmountNow(mountpoint, /*lazily=*/true);
    }
  }
  _exit(0);
}

}  // namespace

// ---- In the daemon.

Result<UnmountHelper> UnmountHelper::Start(const std::string& mountpoint, bool auto_unmount) {
  std::optional<MountEntry> abandoned;
  if (auto_unmount) {
    ASSIGN_OR_RETURN(abandoned, FindMount(mountpoint));
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return FailErrno("unmount helper", errno);
  }
  UniqueFd mine(ends[0]);
  const UniqueFd its(ends[1]);
  const pid_t process = fork();
  if (process < 0) return FailErrno("unmount helper", errno);
  if (process == 0) Serve(its.get(), mountpoint, abandoned);
  return UnmountHelper(mountpoint, std::move(mine), process);
}

UnmountHelper::~UnmountHelper() {
  if (process_ < 0) return;
  constexpr Request farewell = Request::kFarewell;
  static_cast<void>(send(socket_.get(), &farewell, sizeof farewell, MSG_NOSIGNAL));
  socket_ = UniqueFd();  // the end of its input
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Status UnmountHelper::Unmount(Kind kind) {
  const std::string what = mountpoint_ + ": unmount";
  const Request request = kind == Kind::kLazy ? Request::kUnmountLazily : Request::kUnmount;
  if (send(socket_.get(), &request, sizeof request, MSG_NOSIGNAL) < 0) {
    return FailErrno(what, errno);
  }
  pollfd answer{socket_.get(), POLLIN, 0};
  int ready;
  do {
    ready = poll(&answer, 1, kTimeoutMs);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) return Fail(ErrorKind::kBusy, what + ": not done within ten seconds", EBUSY);
  int32_t outcome = EIO;
  if (ready < 0 || read(socket_.get(), &outcome, sizeof outcome) != sizeof outcome) {
    return Fail(ErrorKind::kIo, what + ": the helper process is gone", EIO);
  }
  if (outcome != 0) return FailErrno(what, outcome);
  return {};
}

}  // namespace betonfs
