// Little-endian integers of alignment 1, safe on any mapped address.
//
// A .beton file's descriptors are 1,041 bytes each, so what follows them is oddly aligned.  Structs
// made of these types have no padding and may be laid over any byte of a mapping.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace betonfs {

static_assert(std::endian::native == std::endian::little, "big-endian machines are not supported");

template <class T>
class LittleEndian {
 public:
  LittleEndian() = default;
  LittleEndian(T value) { *this = value; }  // NOLINT: meant to convert like the integer it holds
  LittleEndian& operator=(T value) {
    std::memcpy(bytes_, &value, sizeof value);
    return *this;
  }
  operator T() const {
    T value;
    std::memcpy(&value, bytes_, sizeof value);
    return value;
  }

 private:
  unsigned char bytes_[sizeof(T)] = {};
};

using u16le = LittleEndian<uint16_t>;
using u32le = LittleEndian<uint32_t>;
using u64le = LittleEndian<uint64_t>;
using i64le = LittleEndian<int64_t>;
using f64le = LittleEndian<double>;

static_assert(sizeof(u64le) == 8 && alignof(u64le) == 1);

}  // namespace betonfs
