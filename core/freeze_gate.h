// A lock for many short visits and a rare exclusive stay.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace betonfs {

// Like std::shared_mutex (std::shared_lock and std::unique_lock fit it), except that who wants it
// exclusively is not kept waiting by an endless stream of sharers: newcomers queue behind.  So a
// thread must not share it twice.
class FreezeGate {
 public:
  void lock_shared() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return num_exclusive_ == 0; });
    ++num_shared_;
  }
  void unlock_shared() {
    const std::lock_guard lock(mutex_);
    if (--num_shared_ == 0 && num_exclusive_ > 0) changed_.notify_all();
  }
  void lock() {
    std::unique_lock lock(mutex_);
    ++num_exclusive_;
    changed_.wait(lock, [this] { return num_shared_ == 0 && !held_; });
    held_ = true;
  }
  void unlock() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    --num_exclusive_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t num_shared_ = 0;
  uint64_t num_exclusive_ = 0;  // holding or waiting
  bool held_ = false;
};

}  // namespace betonfs
