#include "core/raw_image.h"

#include <zlib.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>

#include "core/endian.h"

namespace betonfs {
namespace {

constexpr uint64_t kBytesPerPixel = 3;

struct BmpHeader {
  char magic[2] = {'B', 'M'};
  u32le file_size_bytes;  // 0 beyond 4 GiB, which readers ignore
  u32le reserved;
  u32le pixels_offset;
  u32le info_size_bytes{40};
  u32le width;
  u32le height;  // positive: bottom-up, which every reader knows
  u16le planes{1};
  u16le bits_per_pixel{24};
  u32le compression;
  u32le image_size_bytes;
  u32le x_pixels_per_meter{2835};
  u32le y_pixels_per_meter{2835};
  u32le palette_size;
  u32le important_colors;
};
static_assert(sizeof(BmpHeader) == 54 && alignof(BmpHeader) == 1);

uint64_t BmpRowSize(uint64_t width) { return AlignUp(width * kBytesPerPixel, 4); }
uint64_t BmpSize(uint64_t width, uint64_t height) {
  return sizeof(BmpHeader) + BmpRowSize(width) * height;
}

std::string RenderBmp(Bytes rgb, uint16_t width, uint16_t height) {
  const uint64_t size = BmpSize(width, height);
  BmpHeader header;
  header.file_size_bytes = size > UINT32_MAX ? 0 : static_cast<uint32_t>(size);
  header.pixels_offset = sizeof header;
  header.width = width;
  header.height = height;
  std::string out(size, '\0');
  std::memcpy(out.data(), &header, sizeof header);
  const auto* pixel = reinterpret_cast<const char*>(rgb.data());
  for (uint64_t y = 0; y < height; ++y) {
    char* to = out.data() + sizeof header + (height - 1 - y) * BmpRowSize(width);
    for (uint64_t x = 0; x < width; ++x, pixel += kBytesPerPixel, to += kBytesPerPixel) {
      to[0] = pixel[2];  // blue, green, red
      to[1] = pixel[1];
      to[2] = pixel[0];
    }
  }
  return out;
}

// PNG: signature, IHDR, IDATs that carry one zlib stream of stored blocks, IEND.
constexpr char kPngSignature[8] = {'\x89', 'P', 'N', 'G', '\r', '\n', '\x1a', '\n'};
constexpr uint64_t kChunkOverhead = 12;  // length, kind, checksum
constexpr uint64_t kHeaderChunkData = 13;
constexpr uint64_t kMaxIdatData = uint64_t{1} << 30;  // the format allows just under 2^31
constexpr uint64_t kMaxStoredBlock = 65535;
constexpr uint64_t kStoredBlockOverhead = 5;
constexpr uint64_t kZlibOverhead = 6;  // two bytes in front, Adler-32 behind

uint64_t CeilDiv(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

// Each line of pixels has its filter type (0: none) in front.
uint64_t PngLinesSize(uint64_t width, uint64_t height) {
  return height * (1 + width * kBytesPerPixel);
}
uint64_t ZlibSize(uint64_t data_size) {
  const uint64_t num_blocks = std::max<uint64_t>(1, CeilDiv(data_size, kMaxStoredBlock));
  return kZlibOverhead + data_size + num_blocks * kStoredBlockOverhead;
}
uint64_t PngFileSize(uint64_t width, uint64_t height) {
  const uint64_t zlib_size = ZlibSize(PngLinesSize(width, height));
  return sizeof kPngSignature + kChunkOverhead + kHeaderChunkData + zlib_size +
         CeilDiv(zlib_size, kMaxIdatData) * kChunkOverhead + kChunkOverhead;
}

void AppendBigEndian(std::string& out, uint64_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

void AppendChunk(std::string& out, const char (&kind)[5], std::string_view data) {
  AppendBigEndian(out, data.size());
  const size_t start = out.size();
  out.append(kind, 4);
  out += data;
  const uint64_t crc =
      crc32_z(0, reinterpret_cast<const Bytef*>(out.data()) + start, out.size() - start);
  AppendBigEndian(out, crc);
}

std::string PngLines(Bytes rgb, uint64_t width, uint64_t height) {
  std::string out;
  out.reserve(PngLinesSize(width, height));
  for (uint64_t y = 0; y < height; ++y) {
    out += '\0';
    out += AsText(rgb.subspan(y * width * kBytesPerPixel, width * kBytesPerPixel));
  }
  return out;
}

std::string ZlibStored(std::string_view data) {
  std::string out;
  out.reserve(ZlibSize(data.size()));
  out += "\x78\x01";  // deflate, 32 KiB window, no dictionary; a multiple of 31
  const uint64_t adler = adler32_z(1, reinterpret_cast<const Bytef*>(data.data()), data.size());
  do {
    const std::string_view block = data.substr(0, kMaxStoredBlock);
    data.remove_prefix(block.size());
    out += data.empty() ? '\1' : '\0';  // the last block says so; kind 0: stored
    const u16le size = static_cast<uint16_t>(block.size());
    const u16le inverse = static_cast<uint16_t>(~block.size());
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    out.append(reinterpret_cast<const char*>(&inverse), sizeof inverse);
    out += block;
  } while (!data.empty());
  AppendBigEndian(out, adler);
  return out;
}

std::string RenderPng(Bytes rgb, uint16_t width, uint16_t height) {
  std::string out;
  out.reserve(PngFileSize(width, height));
  out.append(kPngSignature, sizeof kPngSignature);
  std::string header;
  AppendBigEndian(header, width);
  AppendBigEndian(header, height);
  header += {8, 2, 0, 0, 0};  // 8 bits, RGB, deflate, filter types by line, not interlaced
  AppendChunk(out, "IHDR", header);
  const std::string zlib = ZlibStored(PngLines(rgb, width, height));
  for (uint64_t start = 0; start < zlib.size(); start += kMaxIdatData) {
    AppendChunk(out, "IDAT", std::string_view(zlib).substr(start, kMaxIdatData));
  }
  AppendChunk(out, "IEND", "");
  return out;
}

}  // namespace

uint8_t WritePpmHeader(uint16_t width, uint16_t height, std::array<char, 32>& out) {
  char* end = out.data();
  char* const limit = out.data() + out.size();
  const auto append = [&](std::string_view text) { end += text.copy(end, text.size()); };
  append("P6\n");
  end = std::to_chars(end, limit, width).ptr;
  append(" ");
  end = std::to_chars(end, limit, height).ptr;
  append("\n255\n");
  return static_cast<uint8_t>(end - out.data());
}

uint64_t RawImageSizeBytes(uint16_t width, uint16_t height, RawView view) {
  switch (view) {
    case RawView::kPpm: {
      std::array<char, 32> header;
      return WritePpmHeader(width, height, header) + uint64_t{width} * height * kBytesPerPixel;
    }
    case RawView::kBmp:
      return BmpSize(width, height);
    case RawView::kPng:
      return PngFileSize(width, height);
  }
  return 0;
}

std::string RenderRawImage(Bytes rgb, uint16_t width, uint16_t height, RawView view) {
  assert(rgb.size() == uint64_t{width} * height * kBytesPerPixel);
  std::string out;
  switch (view) {
    case RawView::kPpm: {
      std::array<char, 32> header;
      out.assign(header.data(), WritePpmHeader(width, height, header));
      out += AsText(rgb);
      break;
    }
    case RawView::kBmp:
      out = RenderBmp(rgb, width, height);
      break;
    case RawView::kPng:
      out = RenderPng(rgb, width, height);
      break;
  }
  assert(out.size() == RawImageSizeBytes(width, height, view));
  return out;
}

}  // namespace betonfs
