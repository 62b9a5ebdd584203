// What a page pusher wants to know about the requests of a read-only mount.
#pragma once

#include <cstdint>

#include "fs/inode.h"

namespace betonfs {

// Called by request threads, after the answer was sent, for files of samples alone (never for
// directories and control files).  Implementations are thread-safe, quick, and never block: no lock
// that is held while talking to the kernel, no wait.
class ReadObserver {
 public:
  virtual ~ReadObserver() = default;

  // A READ was answered: `size_bytes` (not 0) of the virtual file from `offset`.
  virtual void OnRead(Ino file, uint64_t offset, uint64_t size_bytes) = 0;
  // The kernel has learnt the inode, by LOOKUP or READDIRPLUS, and may cache its pages.
  virtual void OnKnown(Ino file) = 0;
  // The kernel no longer has it.
  virtual void OnForgotten(Ino file) = 0;
};

}  // namespace betonfs
