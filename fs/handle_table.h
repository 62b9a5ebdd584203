// What open files and directories hold, by the number that the kernel hands back with each request.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace betonfs {

// Owns what is open, so that what nobody closes before the mount ends is freed with the table.
// Whoever found something owns it, too: the answer to a READ may bring RELEASE before it has been
// sent whole.  Any thread may call anything; each call takes the lock for the time of a hash
// lookup.
template <class T>
class HandleTable {
 public:
  // Returns the handle, which is not used again.
  uint64_t Add(std::shared_ptr<T> value) {
    const std::lock_guard lock(mutex_);
    values_.emplace(++last_, std::move(value));
    return last_;
  }

  // nullptr: nothing is open under that handle.
  std::shared_ptr<T> Find(uint64_t handle) const {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(handle);
    return found == values_.end() ? nullptr : found->second;
  }

  void Remove(uint64_t handle) {
    typename decltype(values_)::node_type removed;  // is freed outside the lock
    const std::lock_guard lock(mutex_);
    removed = values_.extract(handle);
  }

 private:
  mutable std::mutex mutex_;
  uint64_t last_ = 0;
  std::unordered_map<uint64_t, std::shared_ptr<T>> values_;
};

}  // namespace betonfs
