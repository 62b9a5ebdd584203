// Byte spans, the one way to cut them, and the numbers that must not be mixed up.
//
// index, count, offset and size are four words: an index says which, a count how many, an offset
// where (always bytes from the start of the file), a size how long (always bytes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace betonfs {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

// Which sample, in [0, num_samples); the row of the metadata it stands in.
enum class SampleIndex : uint64_t {};
// Which directory of the index region; 0 is the root.
enum class DirIndex : uint32_t {};
// Which entry (name in a directory) of the index region.
enum class EntryIndex : uint64_t {};

constexpr uint64_t Number(SampleIndex i) { return static_cast<uint64_t>(i); }
constexpr uint32_t Number(DirIndex i) { return static_cast<uint32_t>(i); }
constexpr uint64_t Number(EntryIndex i) { return static_cast<uint64_t>(i); }

inline constexpr DirIndex kRootDir{0};

// A range of a file: where it starts and how long it is.
struct Extent {
  uint64_t offset = 0;
  uint64_t size = 0;
  bool operator==(const Extent&) const = default;
};

// The bounds check of the whole program: offsets and sizes from a file become spans here and
// nowhere else.  nullopt if [offset, offset + size) is not inside `file`; cannot overflow.
constexpr std::optional<Bytes> Slice(Bytes file, uint64_t offset, uint64_t size) {
  if (offset > file.size() || size > file.size() - offset) return std::nullopt;
  return file.subspan(static_cast<size_t>(offset), static_cast<size_t>(size));
}

inline Bytes AsBytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}
inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// `alignment` is a power of two.
constexpr uint64_t AlignDown(uint64_t value, uint64_t alignment) {
  return value & ~(alignment - 1);
}
constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return AlignDown(value + alignment - 1, alignment);
}

}  // namespace betonfs
