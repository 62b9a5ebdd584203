// Numbers as people read them, and as they type them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace betonfs {

std::string HumanCount(uint64_t count);       // 1234567 -> "1,234,567"
std::string HumanBytes(uint64_t size_bytes);  // 1234567 -> "1.2 MB" (powers of 1000), "12 B"
std::string HumanDuration(double seconds);    // 75.2 -> "1:15", 3675 -> "1:01:15"

// Of a list that people read, more than this are counted and not named.
inline constexpr size_t kNamedAtMost = 5;

// "4096", "512K", "8M", "2G", "1T", with an optional "iB" behind the letter: powers of 1024.
// Error kInvalidArgument: anything else, or more than 2^63.
Result<uint64_t> ParseSize(std::string_view text);

}  // namespace betonfs
