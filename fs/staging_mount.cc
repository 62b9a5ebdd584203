#include "fs/staging_mount.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <cstdio>
#include <memory>

#include "core/escape_name.h"
#include "core/staging_io.h"
#include "core/text.h"
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

Status WriteReport(const std::string& path, const std::string& text) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  return WriteAt(fd.get(), AsBytes(text), 0, path);
}

Status CommitAtEnd(const StagingMountOptions& options, StagingControl& control) {
  const auto report = control.Commit(options.commit);
  const std::string path = LastReportPath(options.stage.beton_path);
  RETURN_IF_ERROR(WriteReport(
      path, report ? report->ToText() : Cat("commit failed: ", report.error().message, "\n")));
  return report ? Status() : tl::unexpected(report.error());
}

void TellHowToGoOn(const StagingArea& area, uint64_t num_changes) {
  LogWarning(Cat("uncommitted changes=", num_changes, " kept in path=", EscapeName(area.dir()),
                 "; go on with betonfs stage, betonfs commit or betonfs discard"));
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
  return StagingArea::DirOf(beton_path) + "/last_commit";
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
  StagingControl control(*area);
  Status served;
  {
    StagingOps ops(*area, control);
    ASSIGN_OR_RETURN(const auto session,
                     Session::Mount(StagingOps::Table(), &ops, options.session));
    served = session->Run([&] {
      LogInfo(Cat("staging file=", EscapeName(options.stage.beton_path),
                  " mountpoint=", EscapeName(session->mountpoint())));
      announcer.Ready();
    });
  }
  if (served && options.commit_on_unmount && area->HasChanges()) {
    served = CommitAtEnd(options, control);
  }
  const uint64_t num_changes = area->Figures().num_changes;
  if (num_changes > 0) TellHowToGoOn(*area, num_changes);
  RETURN_IF_ERROR(StagingArea::Close(std::move(area)));
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
