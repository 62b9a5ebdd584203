#include "tools/human.h"

#include <array>
#include <charconv>
#include <cstdio>

#include "core/escape_name.h"

namespace betonfs {

std::string HumanCount(uint64_t count) {
  std::string text = std::to_string(count);
  for (size_t i = text.size(); i > 3;) {
    i -= 3;
    text.insert(i, ",");
  }
  return text;
}

std::string HumanBytes(uint64_t size_bytes) {
  if (size_bytes < 1000) return std::to_string(size_bytes) + " B";
  double value = static_cast<double>(size_bytes);
  const char* unit = "kMGTPE";
  for (value /= 1000; value >= 999.95 && unit[1] != '\0'; ++unit) value /= 1000;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f %cB", value, *unit);
  return text.data();
}

std::string HumanDuration(double seconds) {
  const auto total = static_cast<uint64_t>(seconds < 0 ? 0 : seconds);
  std::array<char, 48> text;
  if (total >= 3600) {
    std::snprintf(text.data(), text.size(), "%llu:%02llu:%02llu",
                  static_cast<unsigned long long>(total / 3600),
                  static_cast<unsigned long long>(total / 60 % 60),
                  static_cast<unsigned long long>(total % 60));
  } else {
    std::snprintf(text.data(), text.size(), "%llu:%02llu",
                  static_cast<unsigned long long>(total / 60),
                  static_cast<unsigned long long>(total % 60));
  }
  return text.data();
}

Result<uint64_t> ParseSize(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  unsigned shift = 0;
  if (error == std::errc{} && !unit.empty()) {
    constexpr std::string_view kLetters = "KMGTPE";
    const size_t letter = kLetters.find(static_cast<char>(unit[0] & ~0x20));  // either case
    if (letter == std::string_view::npos) {
      shift = 64;
    } else {
      shift = 10 * (static_cast<unsigned>(letter) + 1);
    }
    unit.remove_prefix(1);
    if (unit == "iB" || unit == "B") unit = {};
  }
  constexpr uint64_t kMost = uint64_t{1} << 63;
  if (error != std::errc{} || !unit.empty() || shift >= 64 || value > (kMost >> shift)) {
    return Fail(ErrorKind::kInvalidArgument,
                "'" + EscapeName(text) +
                    "' is no size: expected a number of bytes such as 65536, "
                    "or with K, M or G behind it");
  }
  return value << shift;
}

}  // namespace betonfs
