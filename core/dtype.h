// numpy's dtypes, as far as a file needs them: how long an element is, and how .npy spells it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace betonfs {

struct Dtype {
  uint64_t item_size_bytes = 0;
  // As in a .npy header: '<f4' or [('x', '<f4'), ('y', '|u1', (3,))].
  std::string npy_descr;
  // "<f4" where the dtype is a plain one, empty where it is structured.
  std::string plain;
};

// `descr` is JSON of numpy's dtype.descr: [["", "<f4"]], or several fields.  Byte order may be
// missing and long names may stand for codes ("float32"), as FFCV reads them too.
// Error kUnsupported: not JSON, a dtype numpy does not have, Python objects, an element of 2 GiB or
// more.  The message has no file name.
Result<Dtype> ParseDtype(std::string_view descr);

// A .npy v1 header for an array of `shape` in C order: a multiple of 64 bytes.
std::string NpyHeader(const Dtype& dtype, const std::vector<uint64_t>& shape);

}  // namespace betonfs
