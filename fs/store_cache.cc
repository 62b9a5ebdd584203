#include "fs/store_cache.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>

namespace betonfs {
namespace {

constexpr uint64_t kSystemPageBytes = 4096;
// The kernel cuts every readahead request to the device's limit, 128 KiB unless someone raised it.
// (Faults under MADV_HUGEPAGE would make folios of 2 MiB, which are cheaper to map and to copy
// from; measured from a cold disk in random order, 0.7x.)
constexpr uint64_t kReadAheadChunkBytes = 128 << 10;

// madvise() and mincore() take a start that is a page's, and do not write.
void* Address(Bytes bytes) { return const_cast<std::byte*>(bytes.data()); }

std::optional<Bytes> FromPageStart(const MappedFile& file, Extent extent) {
  const uint64_t begin = AlignDown(extent.offset, kSystemPageBytes);
  return Slice(file.bytes(), begin, extent.offset + extent.size - begin);
}

bool AllCached(Bytes chunk) {
  unsigned char in_core[kReadAheadChunkBytes / kSystemPageBytes] = {};
  if (mincore(Address(chunk), chunk.size(), in_core) != 0) return true;
  const size_t pages = (chunk.size() + kSystemPageBytes - 1) / kSystemPageBytes;
  return std::all_of(in_core, in_core + pages, [](unsigned char c) { return (c & 1) != 0; });
}

}  // namespace

bool StoreCache::Has(Extent extent) const {
  const auto bytes = FromPageStart(file_, extent);
  return !bytes || AllCached(bytes->first(std::min<size_t>(bytes->size(), kReadAheadChunkBytes)));
}

void StoreCache::Fetch(Extent extent) const {
  const auto bytes = FromPageStart(file_, extent);
  if (bytes) madvise(Address(*bytes), bytes->size(), MADV_WILLNEED);
}

bool StoreCache::ReadAhead(Extent extent) const {
  const auto all = FromPageStart(file_, extent);
  if (!all) return false;
  bool missing = false;
  for (uint64_t done = 0; done < all->size(); done += kReadAheadChunkBytes) {
    const Bytes chunk =
        all->subspan(done, std::min<uint64_t>(kReadAheadChunkBytes, all->size() - done));
    if (AllCached(chunk)) continue;
    missing = true;
    madvise(Address(chunk), chunk.size(), MADV_WILLNEED);
  }
  return missing;
}

void StoreCache::Populate(Extent extent) const {
  const auto bytes = FromPageStart(file_, extent);
  if (bytes) madvise(Address(*bytes), bytes->size(), MADV_POPULATE_READ);
}

// Out of the mapping first, since the cache keeps what is mapped.
uint64_t StoreCache::Release(Extent extent) const {
  const auto mapped = FromPageStart(file_, extent);
  if (!mapped || mapped->empty()) return 0;
  madvise(Address(*mapped), mapped->size(), MADV_DONTNEED);
  const uint64_t begin = AlignUp(extent.offset, kSystemPageBytes);
  const uint64_t end = AlignDown(extent.offset + extent.size, kSystemPageBytes);
  if (begin >= end) return 0;
  posix_fadvise(file_.fd(), static_cast<off_t>(begin), static_cast<off_t>(end - begin),
                POSIX_FADV_DONTNEED);
  return end - begin;
}

}  // namespace betonfs
