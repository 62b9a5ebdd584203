#include "fs/session.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <thread>

#include "fs/log.h"
#include "fs/mount_table.h"
#include "fs/mountpoint.h"

namespace betonfs {
namespace {

constexpr int kWakeSignal = SIGUSR1;

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

// libfuse says why it failed in its log alone.  Mounting is single-threaded.
std::string& LastFuseMessage() {
  static std::string message;
  return message;
}

void KeepFuseMessage(fuse_log_level, const char* format, va_list arguments) {
  char line[512];
  vsnprintf(line, sizeof line, format, arguments);
  line[strcspn(line, "\n")] = '\0';
  LastFuseMessage() = line;
}

std::vector<std::string> FuseArguments(const SessionOptions& options) {
  std::vector<std::string> arguments = {"betonfs", "-o", MountOption("fsname", options.fsname),
                                        "-o", MountOption("subtype", options.subtype)};
  for (const std::string& option : options.mount_options) {
    arguments.push_back("-o");
    arguments.push_back(option);
  }
  if (options.debug) arguments.push_back("-d");
  return arguments;
}

fuse_session* NewFuseSession(const SessionOptions& options, const fuse_lowlevel_ops& ops,
                             void* userdata) {
  fuse_args args = FUSE_ARGS_INIT(0, nullptr);
  for (const std::string& argument : FuseArguments(options)) {
    if (fuse_opt_add_arg(&args, argument.c_str()) != 0) return nullptr;
  }
  fuse_session* session = fuse_session_new(&args, &ops, sizeof ops, userdata);
  fuse_opt_free_args(&args);
  return session;
}

}  // namespace

std::string MountOption(const std::string& name, const std::string& value) {
  std::string option = name + "=";
  for (char c : value) {
    if (c == ',' || c == '\\') option += '\\';
    option += c;
  }
  return option;
}

// The thread beside the loop: says when the mount answers, then waits for a signal or the end.
class Session::Watcher {
 public:
  Watcher(Session& session, const std::function<void()>& on_answer,
          const std::function<void()>& before_stop)
      : loop_thread_(pthread_self()), thread_([&session, on_answer, before_stop, this] {
          if (AwaitAnswer(session)) {
            on_answer();
            AwaitStopSignal();
            before_stop();
          }
          StopLoop(session);
        }) {}

  // The loop has returned.
  ~Watcher() { Join(); }

  // 0, or why the mount never answered.
  int Join() {
    if (thread_.joinable()) {
      loop_left_ = true;
      pthread_kill(thread_.native_handle(), SIGTERM);
      thread_.join();
    }
    return answer_errno_;
  }

 private:
  // The kernel holds this back until INIT is done, then asks for the root's attributes.
  bool AwaitAnswer(Session& session) {
    struct stat st;
    if (stat(session.mountpoint().c_str(), &st) != 0) {
      answer_errno_ = errno;
      return false;
    }
    session.RaiseReadahead();
    return true;
  }

  static void AwaitStopSignal() {
    const sigset_t signals = StopSignals();
    int signal = 0;
    sigwait(&signals, &signal);
  }

  // libfuse's loop sleeps on a semaphore and looks at the exit flag when a signal interrupts it.
  // Flag and sleep are not one step, so a single signal could come just between them.
  void StopLoop(const Session& session) {
    fuse_session_exit(session.get());
    while (!loop_left_) {
      pthread_kill(loop_thread_, kWakeSignal);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  std::atomic<bool> loop_left_{false};
  int answer_errno_ = 0;
  pthread_t loop_thread_;
  std::thread thread_;
};

Session::Session(const SessionOptions& options) : options_(options) {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, &old_mask_);
  struct sigaction wake {};
  wake.sa_handler = [](int) {};
  sigaction(kWakeSignal, &wake, &old_wake_);
}

Session::~Session() {
  if (helper_) UnmountByHelper();
  if (mounted_) fuse_session_unmount(session_);
  if (session_) fuse_session_destroy(session_);
  if (readahead_fd_ >= 0) close(readahead_fd_);
  sigaction(kWakeSignal, &old_wake_, nullptr);
  pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
}

Result<std::unique_ptr<Session>> Session::Mount(const fuse_lowlevel_ops& ops, void* userdata,
                                                const SessionOptions& options) {
  RETURN_IF_ERROR(CheckFuseDevice());
  std::unique_ptr<Session> session(new Session(options));
  RETURN_IF_ERROR(session->Prepare(ops, userdata));
  return session;
}

Status Session::Prepare(const fuse_lowlevel_ops& ops, void* userdata) {
  ASSIGN_OR_RETURN(mountpoint_, PrepareMountpoint(options_.mountpoint, options_.nonempty));
  fuse_set_log_func(KeepFuseMessage);
  LastFuseMessage().clear();
  session_ = NewFuseSession(options_, ops, userdata);
  if (session_) mounted_ = fuse_session_mount(session_, mountpoint_.c_str()) == 0;
  const int mount_errno = errno;
  fuse_set_log_func(nullptr);
  if (!session_) {
    return Fail(ErrorKind::kInvalidArgument, "mount options: " + LastFuseMessage());
  }
  if (!mounted_) {
    const bool refused = mount_errno == EPERM || mount_errno == EACCES;
    return Fail(refused ? ErrorKind::kPermission : ErrorKind::kIo,
                "mount on " + mountpoint_ + ": " + LastFuseMessage(), mount_errno);
  }
  if (options_.unmount_by_helper || options_.auto_unmount) {
    ASSIGN_OR_RETURN(auto helper, UnmountHelper::Start(mountpoint_, options_.auto_unmount));
    helper_.emplace(std::move(helper));
  }
  OpenReadahead();
  return {};
}

// Afterwards libfuse, which would try to unmount by itself, finds a descriptor in error, as it does
// when somebody else has unmounted, and leaves it at closing it.
void Session::UnmountByHelper() {
  const int connection = fuse_session_fd(session_);
  pollfd state{connection, POLLIN, 0};
  const bool gone = poll(&state, 1, 0) == 1 && (state.revents & POLLERR) != 0;
  if (gone) return;
  if (const Status status = helper_->Unmount(UnmountHelper::Kind::kLazy); !status) {
    LogError(status.error().message);
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  close(ends[0]);  // writing into the other end is an error from now on
  dup2(ends[1], connection);
  close(ends[1]);
}

Status Session::Run(const std::function<void()>& on_answer,
                    const std::function<void()>& before_stop) {
  fuse_loop_config* config = fuse_loop_cfg_create();
  fuse_loop_cfg_set_clone_fd(config, 1);
  fuse_loop_cfg_set_max_threads(config, options_.max_threads);
  Watcher watcher(*this, on_answer, before_stop);
  const int loop_error = fuse_session_loop_mt(session_, config);
  fuse_loop_cfg_destroy(config);
  const int answer_error = watcher.Join();
  const int error = answer_error != 0 ? answer_error : -loop_error;
  if (error > 0) return FailErrno("FUSE connection of " + mountpoint_, error);
  return {};
}

// Opened before a sandbox may forbid it, written after INIT, which sets it back.
void Session::OpenReadahead() {
  if (options_.readahead_kib == 0) return;
  const auto mount = FindMount(mountpoint_);
  if (!mount || !*mount) {
    readahead_report_ = "not raised: mount not found in /proc/self/mountinfo";
    return;
  }
  const std::string path = "/sys/class/bdi/" + std::to_string((*mount)->device_major) + ":" +
                           std::to_string((*mount)->device_minor) + "/read_ahead_kb";
  readahead_fd_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (readahead_fd_ < 0) {
    readahead_report_ = "not raised: " + FailErrno(path, errno).value().message;
  }
}

void Session::RaiseReadahead() {
  if (readahead_fd_ < 0) return;
  const std::string value = std::to_string(options_.readahead_kib);
  const bool written = write(readahead_fd_, value.data(), value.size()) >= 0;
  std::string report = written ? value + " KiB" : FailErrno("not raised", errno).value().message;
  const std::lock_guard lock(readahead_mutex_);
  readahead_report_ = std::move(report);
}

}  // namespace betonfs
