// Reading a mapping whose file may be cut short, or whose disk may fail, without dying of SIGBUS.
//
// A page that cannot be had raises SIGBUS in the thread that touches it.  The handler puts zeros in
// the page's place, so that the read goes on, and remembers that it did; ReadGuarded() then throws
// away what was read.  Afterwards the file is mapped again where the zeros were, so that the next
// touch fails anew (or finds the page, if the disk has recovered) and the kernel, which copies
// replies out of the mapping, meets its own error there and never our zeros.
//
// Anything else that raises SIGBUS has the effect it always had.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "core/bytes.h"
#include "core/result.h"

namespace betonfs {

namespace sigbus {
struct Mapping;

// The handler sets the flag, then counts, then puts the zeros in place; a reader looks at count and
// flag first and at the count again when it is done.  So it has met zeros only if it can tell.
extern std::atomic<bool> zeros_in_place;
extern std::atomic<uint64_t> num_lost_pages;
extern thread_local uint64_t own_lost_pages;

// How many ReadGuarded() this thread is in.  There a page that is in no guarded mapping is replaced
// too, though for good: a file is being opened, whose mapping nobody has guarded yet.
extern thread_local int own_depth;
struct Depth {
  Depth() { ++own_depth; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;
  ~Depth() { --own_depth; }
};

void InstallHandler();
bool RestoreMappings();  // false: zeros are still there
Error LostPageError();   // names the page that this thread lost last
}  // namespace sigbus

// Guards one mapping while it lives.  Borrows the mapping and its descriptor.  The first one, or
// the first ReadGuarded(), installs the process's SIGBUS handler, for good.  Any thread may make
// and destroy one.
class SigbusGuard {
 public:
  // `mapping` starts at a page and shows `fd` from offset 0, read-only and shared.  `path` is for
  // messages.
  SigbusGuard(Bytes mapping, int fd, const std::string& path);
  SigbusGuard(SigbusGuard&& other) noexcept : mapping_(std::exchange(other.mapping_, nullptr)) {}
  SigbusGuard& operator=(SigbusGuard&&) = delete;
  ~SigbusGuard();

 private:
  sigbus::Mapping* mapping_;
};

// How often a page could not be read since the program started.  For statistics.
inline uint64_t NumLostPages() { return sigbus::num_lost_pages.load(std::memory_order_relaxed); }

// Calls `read`, which returns a Result and may touch every guarded mapping and those it makes
// itself (an error is their end), and returns its result if all it can have seen were bytes of the
// files.  It is called again when another thread lost a page meanwhile; it must be as good to call
// twice.  Costs a few loads when nothing is wrong. Errors: those of `read`; kIo with EIO if this
// thread touched a page that is lost.
template <class Read>
std::invoke_result_t<Read&> ReadGuarded(Read&& read) {
  sigbus::InstallHandler();
  const sigbus::Depth depth;
  constexpr int kMaxCalls = 1000;  // other threads lose pages faster than we read: the disk is gone
  for (int call = 0; call < kMaxCalls; ++call) {
    const uint64_t before = sigbus::num_lost_pages.load(std::memory_order_acquire);
    const uint64_t own_before = sigbus::own_lost_pages;
    if (sigbus::zeros_in_place.load(std::memory_order_acquire) && !sigbus::RestoreMappings()) break;
    auto result = read();
    // What was read before must not move behind this load: as in a seqlock's reader.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (sigbus::num_lost_pages.load(std::memory_order_relaxed) == before) return result;
    if (sigbus::own_lost_pages != own_before) break;
  }
  sigbus::RestoreMappings();
  return tl::unexpected<Error>(sigbus::LostPageError());
}

}  // namespace betonfs
