// What a file is, from its first bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/jpeg_header.h"
#include "core/result.h"
#include "core/schema_choice.h"

namespace betonfs {

struct FileFact {
  FileKind kind = FileKind::kOther;
  uint16_t width = 0;  // of images
  uint16_t height = 0;
};

// Enough of a file's front to tell what nearly every picture is.
inline constexpr uint64_t kInspectedPrefixSizeBytes = 4096;

// One thread at a time: each worker has its own.
class FileInspector {
 public:
  // `prefix` is the front of a file of `file_size_bytes`, `fd` the file itself, from which more is
  // read where a header is longer than the prefix (pictures with other pictures in their header).
  // Error kIo: reading more, naming `path`.
  Result<FileFact> Inspect(Bytes prefix, uint64_t file_size_bytes, int fd, const std::string& path);

  // Reads the prefix itself.
  Result<FileFact> Inspect(uint64_t file_size_bytes, int fd, const std::string& path);

 private:
  JpegHeaderParser parser_;
  std::vector<std::byte> buffer_;
};

}  // namespace betonfs
