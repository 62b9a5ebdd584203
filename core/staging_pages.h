// Which part of the page file the next bytes go to.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "core/bytes.h"

namespace betonfs {

// Hands out ranges of the page file; knows offsets only, no file.  Any thread may call anything.
//
// No two ranges overlap and all of them read as zeros when they are handed out.  What fits a page
// lies in one page.  Files of unknown length get a reservation that begins at a multiple of its own
// size (up to 64 MiB), so that a file that stays within it also lies within one page of that size,
// should commit choose it: aligned powers of two nest.
class PageAllocator {
 public:
  PageAllocator(uint64_t first_offset, uint32_t page_size_bytes);

  struct Allocation {
    uint64_t offset;
    std::optional<Extent> filled;  // a page that gets nothing more: its write-back may begin
  };
  // For a file of known size, at most a page.  An empty one burns a byte, so that its offset is
  // nobody else's.
  Allocation Allocate(uint64_t size_bytes);

  // For a file that is still growing: at least `min_size_bytes`, rounded up to 2 pages, 64 MiB, and
  // then eight times more each step.
  Extent Reserve(uint64_t min_size_bytes);
  // Enlarges the last reservation in place; false if something else lies behind it.
  bool Extend(Extent& reservation, uint64_t min_size_bytes);
  // Ends a reservation of which the first `used_bytes` are kept; the rest, never written, is handed
  // out again.
  void Finish(Extent reservation, uint64_t used_bytes);

  // Nothing was handed out from here on.
  uint64_t end() const;
  uint32_t page_size_bytes() const { return page_size_bytes_; }

 private:
  Extent TakeRange(uint64_t size_bytes, uint64_t alignment);
  void GiveBack(Extent range);

  const uint32_t page_size_bytes_;
  mutable std::mutex mutex_;
  uint64_t end_;                       // a multiple of the page size
  std::map<uint64_t, uint64_t> free_;  // offset -> size, whole pages below end_
  std::vector<Extent> open_;           // what is left of pages that are being filled
};

}  // namespace betonfs
