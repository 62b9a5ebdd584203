// How much memory an index over the rows of a file may take.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace betonfs {

// Half of what the machine has.  A sparse file that promises 2^40 samples costs its maker nothing,
// so what the counts of a file ask for is compared with this before it is allocated.
uint64_t WorkingMemoryLimitBytes();

// Error kUnsupported if `size_bytes` is more than `limit_bytes`, with `path` and what they are
// wanted for.
Status CheckWorkingMemory(uint64_t size_bytes, uint64_t limit_bytes, const std::string& path,
                          std::string_view purpose);

}  // namespace betonfs
