#include "fs/staging_mount.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "core/escape_name.h"
#include "core/staging_io.h"
#include "core/text.h"
#include "fs/sandbox.h"
#include "fs/staging_control.h"
#include "fs/staging_ops.h"

namespace betonfs {
namespace {

// Every file written at random has a descriptor of its own while it is open.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void TellHowToGoOn(const StagingArea& area, uint64_t num_changes) {
  LogWarning(Cat("uncommitted changes=", num_changes, " kept in path=", EscapeName(area.dir()),
                 "; go on with betonfs stage, betonfs commit or betonfs discard"));
}

// The work area may be gone by now, nothing being left in it.
Status LeaveReport(const std::string& beton_path, const std::string& text) {
  const std::string dir = StagingArea::DirOf(beton_path);
  if (mkdir(dir.c_str(), 0755) != 0 && errno != EEXIST) return FailErrno(dir, errno);
  const std::string path = LastReportPath(beton_path);
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  return WriteAt(fd.get(), AsBytes(text), 0, path);
}

void StartSandbox(const StagingArea& area) {
  SandboxOptions options;
  options.writable.push_back(std::filesystem::path(area.beton_path()).parent_path());
  for (const std::string& missing : EnterSandbox(options)) {
    LogInfo("sandbox without " + EscapeName(missing));
  }
}

Status Serve(const StagingMountOptions& options, StagingArea& area, StagingControl& control,
             StartAnnouncer& announcer) {
  StagingOps ops(area, control);
  SessionOptions session_options = options.session;
  session_options.unmount_by_helper = options.sandbox;
  ASSIGN_OR_RETURN(const auto session, Session::Mount(StagingOps::Table(), &ops, session_options));
  if (options.sandbox) StartSandbox(area);  // before there are threads
  return session->Run([&] {
    LogInfo(Cat("staging file=", EscapeName(area.beton_path()),
                " mountpoint=", EscapeName(session->mountpoint())));
    announcer.Ready();
  });
}

// Commits if that was asked for and there is something; closes; leaves the report.
Status Finish(const StagingMountOptions& options, std::unique_ptr<StagingArea> area,
              StagingControl& control) {
  Status committed;
  std::string report;
  if (options.commit_on_unmount && area->HasChanges()) {
    committed = control.Commit(options.commit);
    report = control.LastCommitDocument();
  }
  const uint64_t num_changes = area->Figures().num_changes;
  if (num_changes > 0) TellHowToGoOn(*area, num_changes);
  RETURN_IF_ERROR(StagingArea::Close(std::move(area)));
  if (!report.empty()) RETURN_IF_ERROR(LeaveReport(options.stage.beton_path, report));
  return committed;
}

}  // namespace

std::string DescribeResume(const ResumeReport& report, const std::string& dir) {
  if (!report.resumed) return "";
  std::string text = Cat("resumed ", EscapeName(dir), ": ", report.num_files, " files, ",
                         report.num_records, " journal records");
  if (report.finished_commit) text += "; the last commit is complete";
  if (report.damaged_size_bytes > 0) {
    text += Cat("; the journal ends at offset ", report.damaged_offset, ", the ",
                report.damaged_size_bytes, " bytes behind it are damaged and were dropped");
  }
  if (report.rebooted) text += "; the machine was restarted";
  if (!report.lost.empty()) {
    text += Cat("; lost because never synced: ", report.lost.size(), " files, the first is ",
                EscapeName(report.lost.front()));
  }
  return text;
}

std::string LastReportPath(const std::string& beton_path) {
  return StagingArea::DirOf(beton_path) + "/last_commit.json";
}

Status ServeStaging(const StagingMountOptions& options, StartAnnouncer& announcer) {
  RaiseDescriptorLimit();
  StageIo io;
  ResumeReport resumed;
  ASSIGN_OR_RETURN(auto area, StagingArea::Open(io, options.stage, resumed));
  (void)io.Remove(LastReportPath(options.stage.beton_path));
  RETURN_IF_ERROR(StartLog(options.log));
  if (const std::string text = DescribeResume(resumed, area->dir()); !text.empty()) {
    // To whoever typed the command; the log has it too.
    std::fprintf(stderr, "betonfs: %s\n", text.c_str());
    LogInfo(text);
  }
  for (const std::string& path : resumed.lost) LogWarning("lost path=" + EscapeName(path));
  StagingControl control(*area, options.commit_on_unmount);
  Status served = Serve(options, *area, control, announcer);
  if (served) {
    served = Finish(options, std::move(area), control);
  } else {
    (void)StagingArea::Close(std::move(area));  // a new one goes: nothing was staged
  }
  if (!served) LogError(Cat("staging failed cause=\"", EscapeName(served.error().message), "\""));
  StopLog();
  return served;
}

Result<CommitReport> CommitUnmounted(const StageOptions& stage, const CommitOptions& options,
                                     ResumeReport& resumed) {
  StageIo io;
  ASSIGN_OR_RETURN(auto area, StagingArea::Open(io, stage, resumed));
  CommitProgress progress;
  auto report = StagingCommit::Run(*area, options, progress);
  RETURN_IF_ERROR(StagingArea::Close(std::move(area)));
  return report;
}

}  // namespace betonfs
