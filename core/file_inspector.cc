#include "core/file_inspector.h"

#include <algorithm>
#include <cstring>

#include "core/file.h"
#include "core/png_image.h"

namespace betonfs {
namespace {

constexpr uint64_t kMaxHeaderSizeBytes = 64u << 20;  // a JPEG whose frame starts later is none

FileFact FactOf(const JpegHeader& header) {
  if (header.state != JpegHeader::State::kJpeg) return {};
  return {header.IsDecodableByFfcv() ? FileKind::kJpeg : FileKind::kCmykJpeg, header.width,
          header.height};
}

}  // namespace

Result<FileFact> FileInspector::Inspect(Bytes prefix, uint64_t file_size_bytes, int fd,
                                        const std::string& path) {
  if (const auto png = PngSizeOf(prefix)) return FileFact{FileKind::kPng, png->width, png->height};
  JpegHeader header = parser_.Parse(prefix);
  uint64_t size = prefix.size();
  const uint64_t max_size = std::min(file_size_bytes, kMaxHeaderSizeBytes);
  while (header.state == JpegHeader::State::kNeedsMore && size < max_size) {
    size = std::min(std::max(4 * size, kInspectedPrefixSizeBytes), max_size);
    buffer_.resize(size);
    RETURN_IF_ERROR(ReadAt(fd, buffer_, 0, path));
    header = parser_.Parse(buffer_);
  }
  return FactOf(header);
}

Result<FileFact> FileInspector::Inspect(uint64_t file_size_bytes, int fd, const std::string& path) {
  std::vector<std::byte> prefix(std::min(file_size_bytes, kInspectedPrefixSizeBytes));
  RETURN_IF_ERROR(ReadAt(fd, prefix, 0, path));
  return Inspect(prefix, file_size_bytes, fd, path);
}

}  // namespace betonfs
