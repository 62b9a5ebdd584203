// Makes the checksums of a mutated input right again, so that mutations reach behind them.
#pragma once

#include <cstdint>
#include <span>

namespace betonfs::fuzz {

// Each kind of input has its own, in repair_<kind>.cc; one is linked.
//   beton    every checksum of a file of ours.  The trailer is taken to be where a file of ours has
//            it, before the table, and its magic and repeated numbers are set too.  Does nothing to
//            inputs without room for one.
//   journal  the header's and those of all frames that follow one another
//   tar      of all headers that follow one another
void RepairChecksums(std::span<uint8_t> input);

}  // namespace betonfs::fuzz
