// Where the members of a tar file lie in it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"

namespace betonfs {

struct TarMember {
  std::string name;
  uint64_t offset = 0;  // of the contents, in the tar file
  uint64_t size_bytes = 0;
  int64_t mtime_s = 0;
  uint16_t mode = 0644;
};

// The regular files of an uncompressed tar (ustar, GNU long names, pax path, size and mtime), in
// their order; directories, links and devices are passed over.  Reads headers only.
//
// Why not libarchive: it hands out contents as a stream, and importing needs to know every size
// beforehand and to read members in parallel, which takes their offsets.
// Errors: kTruncated, kCorrupt  naming `path` and the offset of the header; a file without the end
//                               mark is cut short, and what is missing would not be missed
//         kUnsupported          a compressed file
Result<std::vector<TarMember>> ListTar(int fd, const std::string& path);

}  // namespace betonfs
