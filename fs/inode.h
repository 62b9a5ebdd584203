// The number a file is known by, which tells what it is without any table.
#pragma once

#include <cstdint>

#include "core/bytes.h"

namespace betonfs {

// Arithmetic both ways, so that FORGET is nothing and a restarted daemon gives the same numbers.
// The low three bits are the kind, the rest what the kind needs:
//
//   root       1, as FUSE wants it
//   directory  number << 3 | 2              a number that the tree gave out
//   file       sample << 19 | field << 3 | 3   45 and 16 bits
//   control    number << 3 | 4              a number that ControlFiles gave out
class Ino {
 public:
  enum class Kind : uint8_t { kNone = 0, kRoot = 1, kDirectory = 2, kFile = 3, kControl = 4 };
  static constexpr uint64_t kMaxSamples = uint64_t{1} << 45;
  static constexpr uint64_t kMaxNumber = (uint64_t{1} << 61) - 1;

  // Any number the kernel sends; kind() may be one that does not exist.
  explicit constexpr Ino(uint64_t value) : value_(value) {}

  static constexpr Ino Root() { return Ino(1); }
  static constexpr Ino Directory(uint64_t number) { return Make(Kind::kDirectory, number); }
  static constexpr Ino File(SampleIndex sample, uint16_t field) {
    return Make(Kind::kFile, Number(sample) << 16 | field);
  }
  static constexpr Ino Control(uint64_t number) { return Make(Kind::kControl, number); }

  constexpr uint64_t value() const { return value_; }
  constexpr Kind kind() const { return static_cast<Kind>(value_ & 7); }
  constexpr uint64_t number() const { return value_ >> 3; }  // of directories and control files
  constexpr SampleIndex sample() const { return SampleIndex{value_ >> 19}; }  // of files
  constexpr uint16_t field() const { return static_cast<uint16_t>(value_ >> 3); }

  constexpr bool is_file() const { return kind() == Kind::kFile; }
  constexpr bool is_control() const { return kind() == Kind::kControl; }
  constexpr bool is_tree_directory() const { return *this == Root() || kind() == Kind::kDirectory; }

  constexpr bool operator==(const Ino&) const = default;

 private:
  static constexpr Ino Make(Kind kind, uint64_t number) {
    return Ino(number << 3 | static_cast<uint64_t>(kind));
  }

  uint64_t value_;
};

}  // namespace betonfs
