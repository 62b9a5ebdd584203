// How much memory there is for page cache: from the system and from this process's control groups.
//
// Pages that the daemon puts into the kernel's cache are charged to its own memory cgroup, whoever
// reads them, so the limits of that group and of all its parents count, version 1 and 2 alike.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace betonfs {

struct MemoryState {
  // The most that page cache can grow to: what is free plus what is page cache already.
  uint64_t cache_bytes = 0;
  // What can be taken before anything has to be evicted.
  uint64_t free_bytes = 0;
  // Where the least cache_bytes comes from: "system" or the path of a cgroup; for people.
  std::string bounded_by = "system";
};

// Immutable; any thread may call Read().
class MemoryBudget {
 public:
  // Finds the mounts of the cgroup hierarchies.  `root` is put in front of every absolute path
  // (/proc/..., the mount points), so that a test can bring a machine of its own.
  explicit MemoryBudget(std::string root = "");

  // The state now: some ten small files of /proc and /sys, about 0.1 ms.  What cannot be read does
  // not bound; if even /proc/meminfo is missing everything is 0.
  MemoryState Read() const;

 private:
  struct Hierarchy {
    bool version_2 = false;
    std::string mounted_root;  // which cgroup is at the mount point; "/" unless in a container
    std::string mount_point;
  };
  void Bound(const Hierarchy& hierarchy, const std::string& cgroup, MemoryState& state) const;

  std::string root_;
  std::vector<Hierarchy> hierarchies_;
};

}  // namespace betonfs
