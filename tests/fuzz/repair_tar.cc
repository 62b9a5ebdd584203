#include <charconv>

#include "tests/fuzz/repair.h"
#include "tests/support/tar_file.h"

namespace betonfs::fuzz {

void RepairChecksums(std::span<uint8_t> input) {
  constexpr size_t kBlock = 512, kSize = 124, kSizeDigits = 11;
  for (size_t at = 0; at + kBlock <= input.size() && input[at] != 0;) {
    char* header = reinterpret_cast<char*>(&input[at]);
    test::FixTarChecksum(header);
    uint64_t size = 0;
    std::from_chars(header + kSize, header + kSize + kSizeDigits, size, 8);
    if (size > input.size()) return;
    at += kBlock + (size + kBlock - 1) / kBlock * kBlock;
  }
}

}  // namespace betonfs::fuzz
