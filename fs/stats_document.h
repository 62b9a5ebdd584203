// `.betonfs/stats` and `.betonfs/stats.prom`: what the mount has done and what it runs with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fs/op_stats.h"
#include "fs/push_counters.h"
#include "fs/push_options.h"

namespace betonfs {

// Whether something the mount can use was granted.
struct Feature {
  std::string name;
  bool granted = false;
  std::string detail;  // a value, or why not
};

// What befell the mounted files.
struct FaultCounters {
  uint64_t pages_lost = 0;       // could not be read: cut off, or the disk failed
  uint64_t checks_failed = 0;    // contents that did not match their checksum (verify=read)
  uint64_t files_truncated = 0;  // see FileChange
  uint64_t files_modified = 0;
  uint64_t files_replaced = 0;
  uint64_t files_removed = 0;
};

struct StatsSnapshot {
  const OpStats* ops = nullptr;
  PushMode push_mode = PushMode::kOff;
  PushCounters push;
  FaultCounters faults;
  std::vector<Feature> features;
};

// What the kernel granted of `FUSE_CAP_*` flags the mount asks for.
std::vector<Feature> KernelFeatures(uint32_t granted_capabilities);

// For people: one fact a line, `name value unit`.
std::string StatsText(const StatsSnapshot& stats);

// The Prometheus text exposition format, version 0.0.4.
std::string StatsPrometheus(const StatsSnapshot& stats);

}  // namespace betonfs
