// Giving up what a daemon does not need once its mount stands.
//
// What is left to a daemon that a hostile file has taken over: the descriptors it holds, files it
// was promised, its own memory and threads.  No program can be started, no privilege regained, no
// network reached, no other process signalled or read, and there is no core dump.
#pragma once

#include <string>
#include <vector>

namespace betonfs {

struct SandboxOptions {
  // Files, or directories with all that is below them.  A read-only mount needs none: its files are
  // open.  What every daemon may open is not listed here: /dev/fuse and /dev/null, /proc and the
  // control groups (for the memory budget), the time zone.
  std::vector<std::string> readable;
  // Directories below which files may be made, written, renamed and removed.  Not empty: the system
  // calls of a writer are allowed too, and root keeps the right to files of other users there.
  std::vector<std::string> writable;
};

// Takes effect at once and for good, for this thread and those it makes later: call it after the
// mount is made and before there are threads.  Unmounting is refused from then on, to root too: see
// fs/unmount_helper.h.  Returns one line for each protection that the kernel (or this build) does
// not offer; the others hold.
std::vector<std::string> EnterSandbox(const SandboxOptions& options);

// Closes every descriptor but the standard three: what a caller left open is no business of a
// daemon that runs for weeks.  For the start of a program, before it opens anything.
void CloseInheritedDescriptors();

}  // namespace betonfs
