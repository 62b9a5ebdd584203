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
#include "fs/op_stats.h"

namespace betonfs {

// What a commit is asked to do, as written to `.betonfs/commit`: nothing but white space for the
// defaults, or one JSON object with some of
//   {"as": "auto"|"image"|"bytes", "skip_non_jpeg": bool, "label": "auto"|"none"|"dir:N",
//    "compact": "auto"|"always"|"never", "shuffle": N, "dry_run": bool}
// Error kInvalidArgument: anything else.
Result<CommitOptions> ParseCommitRequest(std::string_view text);
std::string FormatCommitRequest(const CommitOptions& options);

// What `.betonfs/commit` shows of a failed commit: {"error": {"kind": ..., "message": ...}}
std::string FormatCommitError(const Error& error);

// What `.betonfs/commit` shows, read back: the report, or the error that the commit ended with.
// Error kCorrupt: it is neither.
Result<CommitReport> ParseCommitDocument(const std::string& text);

// Its inode numbers lie above those of the tree, so that they can be told apart.  Any thread may
// call anything; the area is borrowed.
class StagingControl {
 public:
  static constexpr char kDirectoryName[] = ".betonfs";
  static constexpr fuse_ino_t kDirectory = fuse_ino_t{1} << 40;

  StagingControl(StagingArea& area, bool commits_on_unmount)
      : area_(area), commits_on_unmount_(commits_on_unmount) {}

  static bool Owns(fuse_ino_t ino) { return ino >= kDirectory; }

  // The control directory's own name in the root, which no other entry may have.
  static bool IsDirectoryName(fuse_ino_t parent, std::string_view name) {
    return parent == FUSE_ROOT_ID && name == kDirectoryName;
  }
  // 0: no such name in the control directory.
  static fuse_ino_t Find(std::string_view name);
  struct stat StatOf(fuse_ino_t ino, uid_t uid, gid_t gid) const;
  struct Name {
    const char* name;
    fuse_ino_t ino;
  };
  static const std::vector<Name>& Names();

  // Of the mount's requests; `status` shows how many there were.
  OpStats& stats() { return stats_; }

  // What a reader of the file gets, made when it is opened.
  std::string Contents(fuse_ino_t ino);
  // Only `commit` can be written: commits, and returns when that is done.
  Status Write(fuse_ino_t ino, std::string_view text);

  // Commits and keeps the report for readers of `commit`.
  Status Commit(const CommitOptions& options);
  // What they get: the report or the error of the last commit as JSON, "" before the first.
  std::string LastCommitDocument();

 private:
  std::string StatusDocument();

  StagingArea& area_;
  const bool commits_on_unmount_;
  OpStats stats_;
  CommitProgress progress_;
  std::mutex commit_mutex_;  // one commit at a time
  std::mutex report_mutex_;  // guards last_report_
  std::string last_report_;  // JSON; empty before the first
};

}  // namespace betonfs
