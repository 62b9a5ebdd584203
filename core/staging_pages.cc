#include "core/staging_pages.h"

#include <algorithm>

#include "core/format.h"

namespace betonfs {
namespace {

// More open pages waste less of their tails and spread the files of one directory over more pages.
constexpr size_t kMaxOpenPages = 4;
constexpr uint64_t kReservationGrowth = 8;

}  // namespace

PageAllocator::PageAllocator(uint64_t first_offset, uint32_t page_size_bytes)
    : page_size_bytes_(page_size_bytes), end_(AlignUp(first_offset, page_size_bytes)) {}

PageAllocator::Allocation PageAllocator::Allocate(uint64_t size_bytes) {
  const uint64_t footprint = std::max<uint64_t>(size_bytes, 1);
  const std::lock_guard lock(mutex_);
  auto page = std::find_if(open_.begin(), open_.end(),
                           [&](const Extent& open) { return open.size >= footprint; });
  Allocation allocation{};
  if (page == open_.end()) {
    if (open_.size() == kMaxOpenPages) {
      const auto fullest = std::min_element(open_.begin(), open_.end(),
                                            [](auto& a, auto& b) { return a.size < b.size; });
      allocation.filled = Extent{AlignDown(fullest->offset, page_size_bytes_), page_size_bytes_};
      open_.erase(fullest);
    }
    open_.push_back(TakeRange(page_size_bytes_, page_size_bytes_));
    page = open_.end() - 1;
  }
  allocation.offset = page->offset;
  page->offset += footprint;
  page->size -= footprint;
  if (page->size == 0) {
    allocation.filled = Extent{page->offset - page_size_bytes_, page_size_bytes_};
    open_.erase(page);
  }
  return allocation;
}

Extent PageAllocator::Reserve(uint64_t min_size_bytes) {
  uint64_t size = uint64_t{2} * page_size_bytes_;
  if (size < min_size_bytes) size = std::max<uint64_t>(size, kMaxAutoPageSizeBytes);
  while (size < min_size_bytes) size *= kReservationGrowth;
  const uint64_t alignment =
      std::max<uint64_t>(page_size_bytes_, std::min<uint64_t>(size, kMaxAutoPageSizeBytes));
  const std::lock_guard lock(mutex_);
  return TakeRange(size, alignment);
}

bool PageAllocator::Extend(Extent& reservation, uint64_t min_size_bytes) {
  const std::lock_guard lock(mutex_);
  if (reservation.offset + reservation.size != end_) return false;
  const bool nests = reservation.offset % kMaxAutoPageSizeBytes == 0;
  if (!nests && min_size_bytes <= kMaxAutoPageSizeBytes) return false;
  reservation.size = AlignUp(std::max(min_size_bytes, reservation.size * 2), page_size_bytes_);
  end_ = reservation.offset + reservation.size;
  return true;
}

void PageAllocator::Finish(Extent reservation, uint64_t used_bytes) {
  const std::lock_guard lock(mutex_);
  const uint64_t used_end = reservation.offset + used_bytes;
  const uint64_t pages_end = AlignUp(used_end, page_size_bytes_);
  if (used_end != pages_end && open_.size() < kMaxOpenPages) {
    open_.push_back({used_end, pages_end - used_end});
  }
  GiveBack({pages_end, reservation.offset + reservation.size - pages_end});
}

uint64_t PageAllocator::end() const {
  const std::lock_guard lock(mutex_);
  return end_;
}

Extent PageAllocator::TakeRange(uint64_t size_bytes, uint64_t alignment) {
  for (const auto& [offset, size] : free_) {
    const Extent range{offset, size};
    const uint64_t start = AlignUp(offset, alignment);
    if (start - offset > size || size_bytes > size - (start - offset)) continue;
    free_.erase(range.offset);
    GiveBack({range.offset, start - range.offset});
    GiveBack({start + size_bytes, range.offset + range.size - start - size_bytes});
    return {start, size_bytes};
  }
  const uint64_t start = AlignUp(end_, alignment);
  const Extent skipped{end_, start - end_};
  end_ = start + size_bytes;
  GiveBack(skipped);
  return {start, size_bytes};
}

void PageAllocator::GiveBack(Extent range) {
  if (range.size == 0) return;
  if (const auto next = free_.find(range.offset + range.size); next != free_.end()) {
    range.size += next->second;
    free_.erase(next);
  }
  if (auto previous = free_.lower_bound(range.offset); previous != free_.begin()) {
    --previous;
    if (previous->first + previous->second == range.offset) {
      range.offset = previous->first;
      range.size += previous->second;
      free_.erase(previous);
    }
  }
  if (range.offset + range.size == end_) {
    end_ = range.offset;
  } else {
    free_.emplace(range.offset, range.size);
  }
}

}  // namespace betonfs
