// Noticing that a mounted file is not what it was.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/file.h"

namespace betonfs {

enum class FileChange : uint8_t {
  kTruncated,  // shorter than it was: what lies behind its end is EIO
  kModified,   // written to or longer: nobody knows which bytes a reader gets
  kReplaced,   // its path names another file; the mount goes on with the one it has
  kRemoved,    // its path names nothing; the mount goes on
};
inline constexpr size_t kNumFileChanges = 4;
const char* FileChangeName(FileChange change);  // "truncated", ...

// Watches the files of one mount.  Looks at them every few seconds in a thread of its own, and
// whenever it is told to.  Each kind of change of each file is logged once.  Borrows the files.
// Any thread may call anything.
class FileWatch {
 public:
  explicit FileWatch(const std::vector<const MappedFile*>& files);
  ~FileWatch();

  // From now on Check() is called every `period`.  For after the daemon's fork, in the sandbox.
  void Start(std::chrono::milliseconds period = std::chrono::seconds(5));

  // Compares size, mtime and inode of every file with what they were when it was opened: two system
  // calls for each.  After an I/O error, for one.
  void Check();

  // How many files have met with `change`.
  uint64_t NumFiles(FileChange change) const {
    return num_files_[static_cast<size_t>(change)].load(std::memory_order_relaxed);
  }

  // Whether the file still reaches to `end_offset`.  Asks the system, about 0.2 us.  The page that
  // a cut goes through raises no error, it reads as zeros from the cut on; so ask this before and
  // after what was read is believed.
  static bool Reaches(const MappedFile& file, uint64_t end_offset);

 private:
  struct Watched {
    const MappedFile* file;
    std::array<bool, kNumFileChanges> reported{};
  };
  void CheckOne(Watched& watched);
  void Report(Watched& watched, FileChange change, const std::string& what);
  void Loop(std::chrono::milliseconds period);

  std::mutex mutex_;  // of all below but the counters
  std::condition_variable stopping_;
  bool stop_ = false;
  std::vector<Watched> files_;
  std::array<std::atomic<uint64_t>, kNumFileChanges> num_files_{};
  std::thread thread_;
};

}  // namespace betonfs
