// The hidden directory `.betonfs` of a staging mount: status, commit, pid.
#pragma once

#include <fuse_lowlevel.h>
#include <sys/stat.h>

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/staging_area.h"
#include "core/staging_commit.h"

namespace betonfs {

// What a commit is asked to do, as written to `.betonfs/commit`: nothing but white space for the
// defaults, or one JSON object with some of
//   {"as": "auto"|"image"|"bytes", "skip_non_jpeg": bool, "label": "auto"|"none"|"dir:N",
//    "compact": "auto"|"always"|"never", "shuffle": N, "dry_run": bool}
// Error kInvalidArgument: anything else.
Result<CommitOptions> ParseCommitRequest(std::string_view text);
std::string FormatCommitRequest(const CommitOptions& options);

// {"error": {"kind": ..., "message": ...}}, and the way back.
std::string FormatCommitError(const Error& error);

// Its inode numbers lie above those of the tree, so that they can be told apart.  Any thread may
// call anything; the area is borrowed.
class StagingControl {
 public:
  static constexpr char kDirectoryName[] = ".betonfs";
  static constexpr fuse_ino_t kDirectory = fuse_ino_t{1} << 40;

  explicit StagingControl(StagingArea& area) : area_(area) {}

  static bool Owns(fuse_ino_t ino) { return ino >= kDirectory; }

  // 0: no such name in the control directory.
  static fuse_ino_t Find(std::string_view name);
  struct stat StatOf(fuse_ino_t ino, uid_t uid, gid_t gid) const;
  struct Name {
    const char* name;
    fuse_ino_t ino;
  };
  static const std::vector<Name>& Names();

  // What a reader of the file gets, made when it is opened.
  std::string Contents(fuse_ino_t ino);
  // Only `commit` can be written: commits, and returns when that is done.
  Status Write(fuse_ino_t ino, std::string_view text);

  // Commits and keeps the report, for readers of `commit` and in the work area.
  Result<CommitReport> Commit(const CommitOptions& options);

 private:
  std::string StatusDocument();
  std::string CommitDocument();

  StagingArea& area_;
  CommitProgress progress_;
  std::mutex commit_mutex_;  // one commit at a time
  std::mutex report_mutex_;  // guards last_report_
  std::string last_report_;  // JSON; empty before the first
};

}  // namespace betonfs
