// How a mount pushes: what the options `push` and `push_budget` and the mount itself decide.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace betonfs {

enum class PushMode {
  kOff,
  kAuto,  // where it pays, see IsWorthPushing() in page_pusher.cc
  kPage,  // whatever the size of the samples
};
std::optional<PushMode> ParsePushMode(std::string_view text);  // "off", "auto", "page"
const char* PushModeName(PushMode mode);

struct PushOptions {
  PushMode mode = PushMode::kAuto;
  // Of pushed and not yet used samples; 0: half of what memory there is, or where the data do not
  // fit twice, all of it but a unit.
  uint64_t budget_bytes = 0;
  uint32_t num_threads = 2;  // that store; one more reads ahead
  uint32_t files_per_sample = 1;
  // kAuto: mean size of a unit's samples above which it is read ahead and not pushed.
  uint64_t max_mean_sample_bytes = 256 << 10;
  uint64_t max_unit_bytes = 8 << 20;
  uint64_t data_bytes = 0;  // of all files of the mount, which share the memory; 0: this one alone
};

}  // namespace betonfs
