#include "core/escape_name.h"

#include <cstdint>

namespace betonfs {
namespace {

// The character that starts at text[0] and how many bytes it takes; size 0 if it is no valid UTF-8.
struct Utf8Character {
  uint32_t code = 0;
  size_t size = 0;
};

Utf8Character Decode(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1};
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return {};
  uint32_t code = first & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0u) != 0x80) return {};
    code = code << 6 | (next & 0x3fu);
  }
  constexpr uint32_t kLeastCode[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeastCode[size] || code > 0x10ffff || is_surrogate) return {};
  return {code, size};
}

bool IsHarmless(uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
  return !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

void AppendEscaped(char byte, std::string& out) {
  switch (byte) {
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\\':
      out += "\\\\";
      return;
    default:
      const auto value = static_cast<unsigned char>(byte);
      out += '\\';
      out += static_cast<char>('0' + (value >> 6));
      out += static_cast<char>('0' + (value >> 3 & 7));
      out += static_cast<char>('0' + (value & 7));
  }
}

std::string Escape(std::string_view text, bool escapes_backslash) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Character character = Decode(text);
    const size_t size = character.size == 0 ? 1 : character.size;
    const bool is_kept = character.code != '\\' || !escapes_backslash;
    if (character.size != 0 && IsHarmless(character.code) && is_kept) {
      out += text.substr(0, size);
    } else {
      for (const char byte : text.substr(0, size)) AppendEscaped(byte, out);
    }
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

std::string EscapeName(std::string_view name) { return Escape(name, true); }

std::vector<std::string> EscapeNames(const std::vector<std::string>& names) {
  std::vector<std::string> escaped;
  escaped.reserve(names.size());
  for (const std::string& name : names) escaped.push_back(EscapeName(name));
  return escaped;
}

std::string EscapeMessage(std::string_view message) { return Escape(message, false); }

}  // namespace betonfs
