// What the checks have to say about a file, one line each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/bytes.h"

namespace betonfs {

enum class Severity : uint8_t {
  kNote,     // unusual, harmless
  kWarning,  // legal, or tolerated, but some reader will stumble
  kDamage,   // bytes are lost or not what was written
};

inline const char* SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kDamage:
      return "damage";
  }
  return "unknown";
}

struct Finding {
  Severity severity = Severity::kDamage;
  // Which check found it, from the fixed vocabulary of check.h and ffcv_check.h: "contents".
  std::string kind;
  // One line: where, what was found, what was expected.  Names in it are escaped.
  std::string message;
  std::optional<SampleIndex> sample = std::nullopt;  // nothing: it concerns the whole file
  std::string path = {};                             // the sample's, unescaped, where it has one
};

}  // namespace betonfs
