// What is mounted where, as this process sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace betonfs {

struct MountEntry {
  std::string mountpoint;  // absolute, unescaped
  std::string type;        // "fuse.betonfs", "ext4", ...
  std::string source;      // unescaped
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
};

// Of the text of /proc/self/mountinfo; lines that do not parse are skipped.
std::vector<MountEntry> ParseMountInfo(std::string_view text);

// The mount whose root is `path` (absolute, without links): the topmost if there are several,
// nullopt if there is none.  Sends no request to the file system that is mounted there, so it
// answers for a dead mount too.  Error: /proc/self/mountinfo cannot be read.
Result<std::optional<MountEntry>> FindMount(const std::string& path);

}  // namespace betonfs
