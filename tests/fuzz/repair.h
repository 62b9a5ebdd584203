// Makes the checksums of a damaged file of ours right again.
#pragma once

#include <cstdint>
#include <span>

namespace betonfs::fuzz {

// Seals `file` anew where its header still leads to a trailer: magic, repeated numbers, checksums.
// What does not fit the file is left as it is.
void RepairChecksums(std::span<uint8_t> file);

}  // namespace betonfs::fuzz
