// betonfs umount: ends a mount and waits until its daemon is gone.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <fstream>
#include <memory>

#include "core/file.h"
#include "fs/mount_table.h"
#include "fs/mountpoint.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"

namespace betonfs {
namespace {

constexpr int kPatience_ms = 60'000;

struct UmountOptions {
  std::string mountpoint;
  bool lazy = false;
};

// A descriptor of the mount's daemon; none if the mount is dead or does not tell.
UniqueFd OpenDaemon(const std::string& mountpoint) {
  std::ifstream file(mountpoint + "/.betonfs/pid");
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 1) return {};
  std::string name;
  std::ifstream("/proc/" + std::to_string(pid) + "/comm") >> name;
  // A daemon of another PID namespace has another number here.
  if (name.find("betonfs") == std::string::npos) return {};
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

Status AwaitEnd(const UniqueFd& daemon, const std::string& mountpoint) {
  if (!daemon.valid()) return {};
  pollfd waiting{daemon.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&waiting, 1, kPatience_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready > 0) return {};
  return Fail(ErrorKind::kBusy, mountpoint + ": unmounted, but its daemon has not ended after " +
                                    std::to_string(kPatience_ms / 1000) + " s");
}

Status Umount(const UmountOptions& options) {
  ASSIGN_OR_RETURN(const std::string mountpoint, ResolveMountpoint(options.mountpoint));
  ASSIGN_OR_RETURN(const auto mount, FindMount(mountpoint));
  if (!mount) return Fail(ErrorKind::kInvalidArgument, mountpoint + ": nothing is mounted there");
  if (mount->type != "fuse.betonfs") {
    return Fail(ErrorKind::kInvalidArgument,
                mountpoint + ": a mount of type " + mount->type + ", not of betonfs; use umount");
  }
  const UniqueFd daemon = OpenDaemon(mountpoint);
  RETURN_IF_ERROR(Unmount(mountpoint, options.lazy));
  return options.lazy ? Status() : AwaitEnd(daemon, mountpoint);
}

}  // namespace

void AddUmount(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<UmountOptions>();
  CLI::App* umount = app.add_subcommand("umount", "Unmount, and wait until the daemon is gone");
  umount->add_option("MOUNTPOINT", options->mountpoint, "where it is mounted")->required();
  umount->add_flag("-l,--lazy", options->lazy,
                   "detach a busy mount: open files go on, nobody waits");
  umount->callback([options, &exit_code] {
    const Status status = Umount(*options);
    exit_code = status ? kExitOk : ReportError(status.error());
  });
}

}  // namespace betonfs
