// The checksums of the structures, verified block by block on first touch.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/format.h"
#include "core/result.h"

namespace betonfs {

// XXH3-64, seed 0, as FORMAT.md means it everywhere.
uint64_t Xxh3(Bytes bytes);

// Guards one protected range of a mapped file.  Borrows range and checksums.  Thread-safe and
// lock-free: a block that two threads touch first is hashed twice, which harms nobody.
class BlockChecks {
 public:
  // `checksums` holds one u64le per 64 KiB block of `range`.  `range_offset` is where the range
  // starts in the file and `what` what it is ("entries"), both for messages.
  BlockChecks(Bytes range, Bytes checksums, uint64_t range_offset, std::string what);

  // Verifies the blocks that [offset, offset + size) of the range touches, unless they are known
  // good. The caller has checked that it lies inside.  One bit test per block once verified. Error
  // kCorrupt: names range, block offset in the file, found and expected checksum.
  Status Touch(uint64_t offset, uint64_t size) const;

  // Every block, known good or not.  Returns the errors of the bad ones.
  std::vector<Error> VerifyAll() const;

  static uint64_t NumBlocks(uint64_t range_size_bytes) {
    return (range_size_bytes + kChecksumBlockSizeBytes - 1) / kChecksumBlockSizeBytes;
  }

 private:
  Status VerifyBlock(uint64_t block) const;

  Bytes range_;
  Bytes checksums_;
  uint64_t range_offset_;
  std::string what_;
  std::unique_ptr<std::atomic<uint64_t>[]> good_;  // one bit per block
};

}  // namespace betonfs
