// What a page pusher wants to know about the requests of a read-only mount.
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "fs/inode.h"

namespace betonfs {

// Called by request threads for files of samples alone (never for directories and control files).
// Implementations are thread-safe, quick, and never block: no lock that is held while talking to
// the kernel, no wait.
class ReadObserver {
 public:
  virtual ~ReadObserver() = default;

  // A READ of the start of `file` is about to be answered with `payload` of its dataset file.
  // Before the answer, so that reading ahead starts no later than reading.
  virtual void OnRead(Ino file, Extent payload) = 0;
  // Part of `file` was answered from `payload`, which no request needs any more.
  virtual void OnReadAnswered(Ino file, Extent payload) = 0;
  // The kernel has learnt the inode, and may cache its pages: by READDIRPLUS, ...
  virtual void OnListed(Ino file) = 0;
  // ... or by LOOKUP, which a reader sends that goes by a list and never scans.
  virtual void OnLookup(Ino file) = 0;
  // The kernel no longer has it.
  virtual void OnForgotten(Ino file) = 0;
};

}  // namespace betonfs
