// Running a server in the background such that its caller learns how it started.
#pragma once

#include <functional>
#include <utility>

#include "core/file.h"
#include "core/result.h"

namespace betonfs {

// The word a server owes whoever started it, once it answers requests.  Used by one thread at a
// time.
class StartAnnouncer {
 public:
  StartAnnouncer() = default;  // of a server in the foreground: nobody waits

  // The server answers.  From here on a detached one has no terminal (its standard streams are
  // /dev/null) and its working directory is the root.  Later calls do nothing.
  void Ready();

 private:
  friend Status RunDetached(const std::function<Status(StartAnnouncer&)>& serve);
  explicit StartAnnouncer(UniqueFd pipe) : pipe_(std::move(pipe)) {}
  void Failed(const Error& error);

  UniqueFd pipe_;
};

// Forks, which must happen before there are threads.  The child leaves its session, runs `serve`
// and exits; it is `serve` that makes threads and log sinks, which a fork would not carry over.
// The caller waits for Ready() and returns success, or returns the Error `serve` failed with before
// that.
// Errors: those of `serve`; kIo  no pipe, no process, or the child died without a word
Status RunDetached(const std::function<Status(StartAnnouncer&)>& serve);

}  // namespace betonfs
