// A few threads for the length of one call.
#pragma once

#include <cstdint>
#include <functional>

namespace betonfs {

// What a thread takes at a time of samples that it looks at one by one.
inline constexpr uint64_t kSamplesPerTurn = 64;

// Runs work(0) ... work(num_threads - 1), each on a thread of its own but the first, which runs on
// the caller's.  Returns when all have returned.  Where the system refuses a thread, the others do
// its part: `work` must take from a shared supply and not rely on its number.
void RunOnThreads(unsigned num_threads, const std::function<void(unsigned thread)>& work);

// What to use when nobody said: one thread per processor this process may run on.
unsigned DefaultNumThreads();

}  // namespace betonfs
