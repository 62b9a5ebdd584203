// The whole of a staging daemon, from the work area to its end.
#pragma once

#include <string>

#include "core/result.h"
#include "core/staging_area.h"
#include "core/staging_commit.h"
#include "fs/detached.h"
#include "fs/log.h"
#include "fs/session.h"

namespace betonfs {

struct StagingMountOptions {
  StageOptions stage;
  SessionOptions session;
  LogOptions log;
  bool sandbox = true;  // give up every right but to the directory of OUT.beton, once mounted
  bool commit_on_unmount = false;
  CommitOptions commit;  // for commit_on_unmount
};

// Opens the work area, mounts, serves until it is unmounted, and, if asked, commits and leaves the
// report at LastReportPath().  A work area in which nothing is left to do is removed at the end
// (but for that report); what is not committed stays, and a message says how to go on.
// Errors: those of StagingArea::Open, Session::Mount and Session::Run, and of the commit
Status ServeStaging(const StagingMountOptions& options, StartAnnouncer& announcer);

// One line for people about what was found in a work area; "" if it is new.
std::string DescribeResume(const ResumeReport& report, const std::string& dir);

// Where a daemon leaves what came of its commit at unmount, as `.betonfs/commit` shows it.
std::string LastReportPath(const std::string& beton_path);

// Commits the work area of an OUT.beton that is not mounted.
// Errors: those of StagingArea::Open (kBusy: it is mounted) and StagingCommit::Run
Result<CommitReport> CommitUnmounted(const StageOptions& stage, const CommitOptions& options,
                                     ResumeReport& resumed);

}  // namespace betonfs
