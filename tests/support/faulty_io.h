// A disk that can lose its power, and one that can be full.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/staging_io.h"

namespace betonfs::test {

// Does everything for real, and remembers of every file what a power cut would undo: what was
// written since it was last synced.  Any thread may call anything.
class FaultyIo : public StageIo {
 public:
  // Undoes, in reverse order, what was not synced: each write is kept, dropped or torn in the
  // middle as `seed` decides, and each size goes back or stays with it.  Nobody may have the files
  // open for writing any more.
  void CutPower(uint32_t seed);

  // From now on every write that needs room fails with ENOSPC, until it is called with false.
  void SetFull(bool full) { full_ = full; }

  Status Write(int fd, Bytes bytes, uint64_t offset, const std::string& path) override;
  Status Truncate(int fd, uint64_t size_bytes, const std::string& path) override;
  Status Zero(int fd, Extent extent, const std::string& path) override;
  Result<bool> Copy(int from, uint64_t from_offset, int to, uint64_t to_offset, uint64_t size_bytes,
                    const std::string& path) override;
  Status Sync(int fd, const std::string& path) override;

 private:
  struct Change {
    ino_t file;
    std::string path;
    uint64_t offset;
    std::string before;  // what lay there, as far as the file went
    uint64_t size_before;
  };
  void Note(int fd, uint64_t offset, uint64_t size_bytes, const std::string& path);

  std::mutex mutex_;
  std::vector<Change> changes_;
  std::atomic<bool> full_{false};
};

}  // namespace betonfs::test
