// The page cache of a mapped dataset file, as far as one process can steer it.
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "core/file.h"

namespace betonfs {

// Immutable; any thread may call anything.  Nothing here touches the mapped bytes, so a file that
// was cut short raises no SIGBUS.  What lies outside the file is ignored.
class StoreCache {
 public:
  explicit StoreCache(const MappedFile& file) : file_(file) {}  // borrows it

  // Whether all of `extent` is cached, of a large one the beginning.  About 0.5 us.
  bool Has(Extent extent) const;

  // Asks the disk for exactly `extent`, in one request, and does not wait for it.  (The fault that
  // a reply would take instead reads around itself, as far as the limit of the device goes.)
  void Fetch(Extent extent) const;

  // Asks for what is missing of `extent`, much of it, and does not wait; whether anything was.
  bool ReadAhead(Extent extent) const;

  // Waits until all of `extent` is cached and mapped, where stores would fault it in bit by bit.
  void Populate(Extent extent) const;

  // Gives back the system's pages that lie wholly inside `extent`, and no longer maps those that
  // lie partly in it; returns the bytes given back.
  uint64_t Release(Extent extent) const;

 private:
  const MappedFile& file_;
};

}  // namespace betonfs
