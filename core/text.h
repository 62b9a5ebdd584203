// Text for messages: Cat("page ", 7, " of ", path) and Hex(checksum).
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace betonfs {

inline void AppendText(std::string& out, std::string_view text) { out += text; }
template <std::integral T>
void AppendText(std::string& out, T number) {
  out += std::to_string(number);
}

template <class... Parts>
std::string Cat(const Parts&... parts) {
  std::string out;
  (AppendText(out, parts), ...);
  return out;
}

// 16 lower-case hexadecimal digits.
inline std::string Hex(uint64_t number) {
  std::string out(16, '0');
  for (size_t i = 16; i-- > 0; number >>= 4) out[i] = "0123456789abcdef"[number & 15];
  return out;
}

}  // namespace betonfs
