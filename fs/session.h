// A FUSE mount from its first moment to its last.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "fs/reply.h"
#include "fs/unmount_helper.h"

namespace betonfs {

struct SessionOptions {
  std::string mountpoint;  // as the user typed it
  std::string fsname;      // what the mount table calls the source
  std::string subtype = "betonfs";
  // For libfuse and the kernel: "ro", "nosuid", "allow_other", "max_read=1048576", ...
  std::vector<std::string> mount_options;
  // Mount over a directory that is not empty.
  bool nonempty = false;
  unsigned max_threads = 10;
  // What /sys/class/bdi/.../read_ahead_kb is raised to; 0: left as it is.
  unsigned readahead_kib = 0;
  bool debug = false;  // libfuse prints every request on stderr
  // Unmount through a process started right after mounting: the sandbox will forbid it to this one.
  bool unmount_by_helper = false;
  // Such a process unmounts also when this one dies without having done so.
  bool auto_unmount = false;
};

// Owns the libfuse session and the mount; the destructor unmounts.  Made, run and destroyed by one
// thread, which should be the main one.
//
// The order of a daemon's life, which declaration order gives for free:
//
//   fork (detached.h) -> log sinks -> ops -> Session::Mount -> other threads (pusher, sandbox)
//   -> Run -> other threads stop -> ~Session unmounts -> ops
//
// While one lives, SIGTERM, SIGINT and SIGHUP are blocked in the thread that made it and in every
// thread made after it; Run() takes them and returns.  SIGUSR1 wakes that thread and does nothing
// else.
class Session {
 public:
  // Mounts.  `ops` is copied, `userdata` is what its callbacks get and must outlive the session.
  // A dead mount ("Transport endpoint is not connected") at the mountpoint is cleared away first.
  // Nothing is created; the mountpoint must exist.
  // Errors: kNotFound         no such mountpoint; no /dev/fuse
  //         kInvalidArgument  not a directory (a file, a socket); an option libfuse does not know
  //         kBusy             a mountpoint already; not empty and `nonempty` not set
  //         kPermission       mountpoint or /dev/fuse or mount(2) refused
  //         kIo               anything else libfuse could not do
  static Result<std::unique_ptr<Session>> Mount(const fuse_lowlevel_ops& ops, void* userdata,
                                                const SessionOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Serves requests with several threads, until the file system is unmounted or a signal asks to
  // stop.  `on_answer` is called once, in a thread of the session's own, when the first request has
  // been answered: the mount is usable.  `before_stop` is called in that thread too, when a signal
  // asks to stop and requests are still being answered, or after the loop has ended by itself: what
  // may wait for requests ends there.
  // Errors: kIo  the connection to the kernel broke
  Status Run(
      const std::function<void()>& on_answer, const std::function<void()>& before_stop = [] {});

  // For fuse_lowlevel_notify_*.  Those may wait for requests, so never from a request's thread.
  fuse_session* get() const { return session_; }
  const std::string& mountpoint() const { return mountpoint_; }  // absolute, without links
  // "1024 KiB", or why the kernel's readahead was left as it was.  Settled when `on_answer` runs;
  // any thread may ask before.
  std::string readahead_report() const {
    const std::lock_guard lock(readahead_mutex_);
    return readahead_report_;
  }

 private:
  class Watcher;

  explicit Session(const SessionOptions& options);
  Status Prepare(const fuse_lowlevel_ops& ops, void* userdata);
  void UnmountByHelper();
  void OpenReadahead();
  void RaiseReadahead();

  SessionOptions options_;
  std::string mountpoint_;
  fuse_session* session_ = nullptr;
  bool mounted_ = false;
  std::optional<UnmountHelper> helper_;
  sigset_t old_mask_{};
  struct sigaction old_wake_ {};
  int readahead_fd_ = -1;
  mutable std::mutex readahead_mutex_;  // requests may ask for the report while it is settled
  std::string readahead_report_;
};

// What libfuse wants for one "-o" option whose value may hold anything: commas and backslashes
// escaped.
std::string MountOption(const std::string& name, const std::string& value);

}  // namespace betonfs
