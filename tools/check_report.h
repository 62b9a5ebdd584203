// What `betonfs check` prints: the reports of core as text and as JSON.
#pragma once

#include <optional>
#include <string>

#include "core/check.h"
#include "core/ffcv_check.h"

namespace betonfs {

// One line per finding, then the sum; `path` is the file's.
std::string CheckReportText(const std::string& path, const CheckReport& report);

// Whether FFCV loads the file, a line per mode and per field, the findings.
std::string FfcvReportText(const FfcvReport& report);

// One object with "file", "check" and, if given, "ffcv"; indented, a newline at its end.
std::string CheckReportsAsJson(const std::string& path, const CheckReport& report,
                               const std::optional<FfcvReport>& ffcv);

// Whether FFCV can train from the file: it loads, some mode works, and no image comes out wrong.
bool IsFitForFfcv(const FfcvReport& report);

}  // namespace betonfs
