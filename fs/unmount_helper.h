// The process that unmounts for a daemon which cannot any more.
//
// In the sandbox unmounting is refused: Landlock refuses it to all, and no_new_privs takes from an
// ordinary user's daemon what fusermount3 needs.  So a small process is started before: it holds
// nothing but one end of a socket, ignores the signals that end daemons (systemd and shutdown send
// them to all at once), unmounts when asked, and ends when the daemon does, however that ends. With
// auto_unmount it unmounts after a daemon that ended without a word.  fusermount3 offers that too,
// but looks once whether the mount is dead, and may look while the kernel is still closing it.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "core/file.h"
#include "core/result.h"

namespace betonfs {

class UnmountHelper {
 public:
  enum class Kind {
    kPlain,  // refused while files are open
    kLazy,   // detached at once; open files go on as long as somebody serves them
  };

  // Forks: call it after mounting, before there are threads, and after the daemon's own fork.
  // `mountpoint` is absolute.  Root's helper unmounts by itself and keeps no other right; anybody
  // else's runs fusermount3.  `auto_unmount`: should this process die, of whatever, unmount lazily
  // what is mounted there now.  Error kIo: no process or no socket.
  static Result<UnmountHelper> Start(const std::string& mountpoint, bool auto_unmount = false);

  UnmountHelper(UnmountHelper&& other) noexcept
      : mountpoint_(std::move(other.mountpoint_)),
        socket_(std::move(other.socket_)),
        process_(std::exchange(other.process_, -1)) {}
  UnmountHelper& operator=(UnmountHelper&&) = delete;
  // The process ends and leaves no zombie; nothing is unmounted any more.  To be destroyed after
  // the session: an unmount that is under way ends at last when /dev/fuse is closed.
  ~UnmountHelper();

  // Waits for the outcome, ten seconds at most: unmounting may write back, which needs the daemon
  // to go on serving meanwhile.  Do not ask when the mount is already gone, since another may have
  // taken its place.  One thread at a time.
  // Errors: kBusy        files are open (kPlain), or it takes longer than that
  //         kPermission  refused
  //         kIo          anything else; the helper is gone
  Status Unmount(Kind kind);

 private:
  UnmountHelper(std::string mountpoint, UniqueFd socket, pid_t process)
      : mountpoint_(std::move(mountpoint)), socket_(std::move(socket)), process_(process) {}

  std::string mountpoint_;
  UniqueFd socket_;
  pid_t process_;
};

}  // namespace betonfs
