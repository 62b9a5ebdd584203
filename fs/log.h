// Where the daemons' log lines go and what they look like.
//
// A line is a short event and key=value pairs from a fixed vocabulary: op ino sample offset size
// errno, and file= path= for names, which are always escaped.  Nothing is logged before StartLog().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace betonfs {

enum class LogTarget { kStderr, kSyslog, kFile };

struct LogOptions {
  LogTarget target = LogTarget::kStderr;
  std::string file;  // for kFile; appended to
  bool debug = false;
};

// Call it after the fork of a daemon and before other threads log.
// Errors: kNotFound, kPermission, kIo  the log file cannot be opened
Status StartLog(const LogOptions& options);
// Flushes and forgets the sinks.
void StopLog();

// Any thread.  `line` is one line; info is for mount, unmount and commit.
void LogDebug(std::string_view line);
void LogInfo(std::string_view line);
void LogWarning(std::string_view line);
void LogError(std::string_view line);
// How many calls of LogError() there were in this process, told or not: a command that went on past
// damage ends with another exit status than one that met none.
uint64_t NumErrorsLogged();

// A request that failed.  EIO and worse are errors, what a user may ask for and not get is debug,
// ENOENT is silent.  The same failure of the same file is told once.
struct FailedRequest {
  const char* op = "";
  uint64_t ino = 0;
  int sys_errno = 0;
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
};
void LogFailedRequest(const FailedRequest& request, std::string_view cause);

}  // namespace betonfs
