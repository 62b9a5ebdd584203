// Files that were rendered whole (BMP, PNG), kept until the reader has had all of them.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>

#include "core/sample_view.h"
#include "fs/inode.h"

namespace betonfs {

// A large file is read in parts; without this every part would render it anew.  Holds the last few,
// whatever their size.  Any thread may call anything; costs one relaxed load where nothing was ever
// rendered.
class RenderedCache {
 public:
  // nullptr: it is not here.
  std::shared_ptr<const FileContents> Find(Ino file) const {
    if (!used_.load(std::memory_order_relaxed)) return nullptr;
    const std::lock_guard lock(mutex_);
    for (const Kept& kept : kept_) {
      if (kept.file == file) return kept.contents;
    }
    return nullptr;
  }

  // In place of the oldest.
  void Keep(Ino file, std::shared_ptr<const FileContents> contents) {
    const std::lock_guard lock(mutex_);
    kept_[next_] = {file, std::move(contents)};
    next_ = (next_ + 1) % kept_.size();
    used_.store(true, std::memory_order_relaxed);
  }

 private:
  struct Kept {
    Ino file{0};
    std::shared_ptr<const FileContents> contents;
  };

  std::atomic<bool> used_{false};
  mutable std::mutex mutex_;
  std::array<Kept, 4> kept_;
  size_t next_ = 0;
};

}  // namespace betonfs
