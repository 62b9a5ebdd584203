// Ctrl-C as a flag that long work looks at.
#pragma once

#include <signal.h>

#include <atomic>

namespace betonfs {

// While one lives, the first SIGINT or SIGTERM sets flag() instead of ending the program, so that
// work can stop between two steps and clean up; a second one ends it as usual.  At most one at a
// time; made and destroyed by the main thread.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Set once the user asked to stop.  Outlives the Interrupt.
  static const std::atomic<bool>& flag();

 private:
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
};

}  // namespace betonfs
