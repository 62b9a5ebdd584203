// betonfs stage: a folder to copy into, that becomes a .beton file.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fs/detached.h"
#include "fs/sandbox.h"
#include "fs/staging_mount.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/mount_options.h"
#include "tools/stage_options.h"

namespace betonfs {
namespace {

constexpr char kStageHelp[] = R"(
Options of -o, separated by commas:
  commit_on_unmount  commit when it is unmounted; `betonfs umount` waits for it
  page_size=SIZE     pages of the dataset (default 8M, a power of two)
  sandbox=on|off     give up every right but to the directory of OUT.beton (default on)
  allow_other        let other users in; the default is you alone
  auto_unmount       unmount when the daemon dies
  nonempty           mount over a directory that is not empty
  threads=N          at most so many answer requests (default 10)
  noexec, noatime, ... as for mount(8)

What is copied in is kept in OUT.beton.stage/ until it is committed or discarded; OUT.beton is not
touched before.  Staging again goes on where it was left.
)";

struct StageCommandLine {
  std::string beton_path;
  std::string mountpoint;
  std::vector<std::string> option_texts;
  std::string log_file;
  bool foreground = false;
  bool debug = false;
  CommitCommandLine commit;
};

Status TakeOption(const NamedOption& option, CommonMountOptions& common,
                  StagingMountOptions& mount) {
  ASSIGN_OR_RETURN(const bool taken, TakeCommonOption(option, common));
  if (taken) return {};
  if (option.name == "commit_on_unmount") {
    mount.commit_on_unmount = true;
  } else if (option.name == "page_size") {
    ASSIGN_OR_RETURN(const uint64_t size, SizeOf(option, kMaxPageSizeBytes));
    mount.stage.page_size_bytes = static_cast<uint32_t>(size);
  } else if (option.name == "sandbox") {
    ASSIGN_OR_RETURN(const std::string value, ValueOf(option));
    if (value != "on" && value != "off") {
      return Fail(ErrorKind::kInvalidArgument,
                  "mount option sandbox=" + value + ": expected on or off");
    }
    mount.sandbox = value == "on";
  } else {
    return UnknownOption(option, "stage");
  }
  return {};
}

Result<StagingMountOptions> Resolve(const StageCommandLine& line) {
  StagingMountOptions options;
  CommonMountOptions common;
  for (const std::string& text : line.option_texts) {
    for (const NamedOption& option : SplitMountOptions(text)) {
      RETURN_IF_ERROR(TakeOption(option, common, options));
    }
  }
  ASSIGN_OR_RETURN(options.commit, ResolveCommit(line.commit));
  // The daemon's working directory is the root.
  options.stage.beton_path = std::filesystem::absolute(line.beton_path).lexically_normal();
  TakeOver(common, options.session);
  options.session.mountpoint = line.mountpoint;
  options.session.fsname = common.fsname.value_or(options.stage.beton_path);
  options.session.mount_options = common.passed_on;
  options.session.mount_options.push_back("rw");
  options.session.mount_options.push_back("default_permissions");
  options.session.debug |= line.debug;
  const bool foreground = line.foreground || options.session.debug;
  options.log.target = !line.log_file.empty() ? LogTarget::kFile
                       : foreground           ? LogTarget::kStderr
                                              : LogTarget::kSyslog;
  if (!line.log_file.empty()) options.log.file = std::filesystem::absolute(line.log_file);
  options.log.debug = options.session.debug;
  return options;
}

int Stage(const StageCommandLine& line) {
  CloseInheritedDescriptors();
  const auto options = Resolve(line);
  if (!options) return ReportError(options.error());
  const auto serve = [&](StartAnnouncer& announcer) { return ServeStaging(*options, announcer); };
  StartAnnouncer nobody;
  const Status status =
      line.foreground || options->session.debug ? serve(nobody) : RunDetached(serve);
  return status ? kExitOk : ReportError(status.error());
}

}  // namespace

void AddStage(CLI::App& app, int& exit_code) {
  const auto line = std::make_shared<StageCommandLine>();
  CLI::App* stage = app.add_subcommand("stage", "Mount a folder to copy into, for `commit`");
  stage->footer(kStageHelp);
  stage->add_option("OUT.beton", line->beton_path, "the dataset to make or to change")->required();
  stage->add_option("MOUNTPOINT", line->mountpoint, "the directory to mount on")->required();
  stage->add_option("-o", line->option_texts, "mount options, see below")
      ->type_name("OPTION[,...]")
      ->expected(1)
      ->take_all();
  stage->add_flag("-f,--foreground", line->foreground, "stay in the foreground, log to stderr");
  stage->add_flag("-d,--debug", line->debug, "like -f, and print every request");
  stage->add_option("--log-file", line->log_file, "log there, not to syslog");
  AddCommitOptions(*stage, line->commit);
  stage->callback([line, &exit_code] { exit_code = Stage(*line); });
}

}  // namespace betonfs
