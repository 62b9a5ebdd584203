#include <cstring>

#include "core/block_checks.h"
#include "core/bytes.h"
#include "core/endian.h"
#include "tests/fuzz/repair.h"

namespace betonfs::fuzz {
namespace {

// As in core/staging_journal.cc: a header whose last eight bytes are its checksum, then frames of a
// size, a checksum and a body.
constexpr char kMagic[8] = {'B', 'E', 'T', 'O', 'N', 'J', 'N', 'L'};
constexpr size_t kHeaderSize = 64, kChecksumSize = 8, kFrameSize = 12;

void Put(std::span<uint8_t> out, uint64_t number) {
  const u64le stored = number;
  std::memcpy(out.data(), &stored, sizeof stored);
}

}  // namespace

void RepairChecksums(std::span<uint8_t> input) {
  if (input.size() < kHeaderSize) return;
  const Bytes bytes = std::as_bytes(input);
  std::memcpy(input.data(), kMagic, sizeof kMagic);
  const size_t checksum = kHeaderSize - kChecksumSize;
  Put(input.subspan(checksum), Xxh3(bytes.first(checksum)));
  for (size_t at = kHeaderSize; at + kFrameSize <= input.size();) {
    u32le size;
    std::memcpy(&size, &input[at], sizeof size);
    const auto body = Slice(bytes, at + kFrameSize, size);
    if (!body) return;
    Put(input.subspan(at + sizeof size), Xxh3(*body));
    at += kFrameSize + size;
  }
}

}  // namespace betonfs::fuzz
