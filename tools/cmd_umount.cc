// betonfs umount: ends a mount, waits until its daemon is gone, and says what it committed.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "fs/mount_table.h"
#include "fs/mountpoint.h"
#include "fs/staging_control.h"
#include "fs/staging_mount.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/stage_options.h"

namespace betonfs {
namespace {

constexpr int kPatience_ms = 60'000;
constexpr int kForever_ms = -1;

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

// Where a staging daemon that commits when it is unmounted leaves the report; "" for other mounts.
std::string ReportAtEnd(const std::string& mountpoint) {
  std::ifstream file(mountpoint + "/.betonfs/status");
  const auto status = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!status.is_object() || !status.value("commit_on_unmount", false)) return "";
  return LastReportPath(status.value("dataset", ""));
}

Status AwaitEnd(const UniqueFd& daemon, const std::string& mountpoint, int patience_ms) {
  if (!daemon.valid()) return {};
  pollfd waiting{daemon.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&waiting, 1, patience_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready > 0) return {};
  return Fail(ErrorKind::kBusy, mountpoint + ": unmounted, but its daemon has not ended after " +
                                    std::to_string(patience_ms / 1000) + " s");
}

// Prints what came of the daemon's commit and tidies the work area up, if that was the last in it.
// Returns the exit status; kExitOk if there was nothing to commit.
int PrintReportAt(const std::string& path) {
  std::ifstream file(path);
  if (!file) return kExitOk;
  const std::string text(std::istreambuf_iterator<char>(file), {});
  (void)unlink(path.c_str());
  (void)rmdir(std::filesystem::path(path).parent_path().c_str());
  const auto report = ParseCommitDocument(text);
  return report ? PrintReport(*report, /*json=*/false) : ReportError(report.error());
}

Result<int> Umount(const UmountOptions& options) {
  ASSIGN_OR_RETURN(const std::string mountpoint, ResolveMountpoint(options.mountpoint));
  ASSIGN_OR_RETURN(const auto mount, FindMount(mountpoint));
  if (!mount) return Fail(ErrorKind::kInvalidArgument, mountpoint + ": nothing is mounted there");
  if (mount->type != "fuse.betonfs") {
    return Fail(ErrorKind::kInvalidArgument,
                mountpoint + ": a mount of type " + mount->type + ", not of betonfs; use umount");
  }
  const UniqueFd daemon = OpenDaemon(mountpoint);
  const std::string report = ReportAtEnd(mountpoint);
  RETURN_IF_ERROR(Unmount(mountpoint, options.lazy));
  if (options.lazy) return kExitOk;
  // A commit takes as long as it takes.
  RETURN_IF_ERROR(AwaitEnd(daemon, mountpoint, report.empty() ? kPatience_ms : kForever_ms));
  return report.empty() ? kExitOk : PrintReportAt(report);
}

}  // namespace

void AddUmount(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<UmountOptions>();
  CLI::App* umount = app.add_subcommand("umount", "Unmount, and wait until the daemon is gone");
  umount->add_option("MOUNTPOINT", options->mountpoint, "where it is mounted")->required();
  umount->add_flag("-l,--lazy", options->lazy,
                   "detach a busy mount: open files go on, nobody waits");
  umount->callback([options, &exit_code] {
    const auto done = Umount(*options);
    exit_code = done ? *done : ReportError(done.error());
  });
}

}  // namespace betonfs
