#include "core/parallel.h"

#include <sched.h>

#include <system_error>
#include <thread>
#include <vector>

namespace betonfs {

void RunOnThreads(unsigned num_threads, const std::function<void(unsigned)>& work) {
  std::vector<std::jthread> threads;  // joined when they go out of scope
  threads.reserve(num_threads);
  try {
    for (unsigned i = 1; i < num_threads; ++i) threads.emplace_back(work, i);
  } catch (const std::system_error&) {
    // No more threads to be had.  Those there are will do.
  }
  work(0);
}

unsigned DefaultNumThreads() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&allowed));
}

}  // namespace betonfs
