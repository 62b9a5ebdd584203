#include "fs/push_options.h"

namespace betonfs {

std::optional<PushMode> ParsePushMode(std::string_view text) {
  for (PushMode mode : {PushMode::kOff, PushMode::kAuto, PushMode::kPage}) {
    if (text == PushModeName(mode)) return mode;
  }
  return std::nullopt;
}

const char* PushModeName(PushMode mode) {
  switch (mode) {
    case PushMode::kOff:
      return "off";
    case PushMode::kAuto:
      return "auto";
    case PushMode::kPage:
      return "page";
  }
  return "";
}

}  // namespace betonfs
