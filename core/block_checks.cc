#include "core/block_checks.h"

#include <xxhash.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/text.h"

namespace betonfs {
namespace {

constexpr uint64_t kBitsPerWord = 64;

uint64_t BitOf(uint64_t block) { return uint64_t{1} << (block % kBitsPerWord); }

}  // namespace

uint64_t Xxh3(Bytes bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

BlockChecks::BlockChecks(Bytes range, Bytes checksums, uint64_t range_offset, std::string what)
    : range_(range),
      checksums_(checksums),
      range_offset_(range_offset),
      what_(std::move(what)),
      good_(new std::atomic<uint64_t>[NumBlocks(range.size()) / kBitsPerWord + 1]()) {
  assert(checksums.size() == NumBlocks(range.size()) * sizeof(u64le));
}

Status BlockChecks::Touch(uint64_t offset, uint64_t size) const {
  assert(offset <= range_.size() && size <= range_.size() - offset);
  if (size == 0) return {};
  const uint64_t last = (offset + size - 1) / kChecksumBlockSizeBytes;
  for (uint64_t block = offset / kChecksumBlockSizeBytes; block <= last; ++block) {
    // Relaxed: the bit says something about bytes that never change, and orders nothing.
    std::atomic<uint64_t>& word = good_[block / kBitsPerWord];
    if (word.load(std::memory_order_relaxed) & BitOf(block)) continue;
    RETURN_IF_ERROR(VerifyBlock(block));
    word.fetch_or(BitOf(block), std::memory_order_relaxed);
  }
  return {};
}

Status BlockChecks::VerifyBlock(uint64_t block) const {
  const uint64_t start = block * kChecksumBlockSizeBytes;
  const uint64_t size = std::min(kChecksumBlockSizeBytes, range_.size() - start);
  const uint64_t found = Xxh3(range_.subspan(start, size));
  u64le expected;
  std::memcpy(&expected, checksums_.data() + block * sizeof expected, sizeof expected);
  if (found == expected) return {};
  return Fail(ErrorKind::kCorrupt,
              Cat(what_, ": the checksum of the ", size, " bytes at offset ", range_offset_ + start,
                  " is ", Hex(found), ", expected ", Hex(expected)));
}

std::vector<Error> BlockChecks::VerifyAll() const {
  std::vector<Error> errors;
  for (uint64_t block = 0; block < NumBlocks(range_.size()); ++block) {
    if (auto status = VerifyBlock(block); !status) errors.push_back(std::move(status).error());
  }
  return errors;
}

}  // namespace betonfs
