// The .beton file exactly as it lies on disk.  core/FORMAT.md is the specification; this is its
// C++.
//
//   header | field descriptors | rows | zeros | page ... page | index region | allocation table EOF
//
// Everything up to the pages, and the table, is FFCV's v2 format.  The index region is ours: FFCV
// never looks between the last page and the table.  Nothing here checks anything.
#pragma once

#include <cstdint>

#include "core/endian.h"

namespace betonfs {

inline constexpr uint16_t kBetonVersion = 2;
inline constexpr uint32_t kMinPageSizeBytes = 4096;                // least that FFCV reads
inline constexpr uint32_t kMinFfcvWriterPageSizeBytes = 2u << 20;  // least that FFCV writes
inline constexpr uint32_t kDefaultPageSizeBytes = 8u << 20;
inline constexpr uint32_t kMaxAutoPageSizeBytes = 64u << 20;  // larger only when asked for
inline constexpr uint32_t kMaxPageSizeBytes = 1u << 31;

struct RawHeader {
  u16le version;
  u16le num_fields;
  u32le page_size_bytes;
  u64le num_samples;
  u64le alloc_table_offset;  // 0: the writer never finished
};
static_assert(sizeof(RawHeader) == 24 && alignof(RawHeader) == 1);

inline constexpr size_t kFieldNameSizeBytes = 16;
inline constexpr size_t kFieldArgumentsSizeBytes = 1024;
inline constexpr size_t kMaxDimensions = 32;

struct RawFieldDescriptor {
  uint8_t type_id;
  char name[kFieldNameSizeBytes];  // zero filled; no terminator when all 16 are used
  unsigned char arguments[kFieldArgumentsSizeBytes];
};
static_assert(sizeof(RawFieldDescriptor) == 1041 && alignof(RawFieldDescriptor) == 1);

// The arguments of NDArray, TorchTensor (and of custom fields derived from them).
struct RawArrayArguments {
  u64le shape[kMaxDimensions];  // zero filled after the last dimension
  u64le descr_size_bytes;
  char descr[kFieldArgumentsSizeBytes - kMaxDimensions * 8 - 8];  // JSON of numpy's dtype.descr
};
static_assert(sizeof(RawArrayArguments) == kFieldArgumentsSizeBytes);

// Cells of a metadata row.  Float and Int are plain f64le and i64le.
struct RawRgbCell {
  uint8_t mode;  // 0: JPEG, size in the table alone.  Anything else: height * width * 3 raw bytes
  u16le width;
  u16le height;
  u64le payload_offset;
};
static_assert(sizeof(RawRgbCell) == 13 && alignof(RawRgbCell) == 1);

struct RawBytesCell {  // also JSON, whose size includes the closing NUL
  u64le payload_offset;
  u64le payload_size_bytes;
};
static_assert(sizeof(RawBytesCell) == 16);

struct RawArrayCell {  // also TorchTensor and custom
  u64le payload_offset;
};
static_assert(sizeof(RawArrayCell) == 8);

struct RawTableRow {  // one for each payload, to the end of the file
  u64le sample;
  u64le payload_offset;
  u64le payload_size_bytes;
};
static_assert(sizeof(RawTableRow) == 24);

// ---- The index region ---------------------------------------------------------------------------

inline constexpr char kTrailerMagic[8] = {'B', 'E', 'T', 'O', 'N', 'F', 'S', '\x1a'};
inline constexpr uint32_t kIndexVersion = 1;
inline constexpr uint64_t kChecksumBlockSizeBytes = 64 << 10;
inline constexpr uint64_t kSectionAlignmentBytes = 8;
inline constexpr size_t kMaxNameSizeBytes = 255;

// Sections in the order in which they lie in the file, each starting at the next multiple of 8.
enum class SectionKind : uint32_t {
  kDirectories = 0,  // RawDirectory[], the root first
  kEntries = 1,      // RawEntry[], one run per directory, sorted bytewise by name
  kNames = 2,        // the names, in the order of their entries, with nothing between them
  kSamples = 3,      // RawSample[], one per sample, by sample index
  kChecksums = 4,    // u64le[]: XXH3-64 of every 64 KiB block of the protected ranges, see below
};
inline constexpr size_t kNumSections = 5;

// The checksums section holds one u64le per block of each of these ranges, in this order.  A block
// is 64 KiB counted from the start of its range; the last one of a range is as long as what is
// left.
enum class ProtectedRange : uint32_t {
  kHeader = 0,  // header and field descriptors: [0, 24 + 1041 * num_fields)
  kRows = 1,
  kTable = 2,
  kDirectories = 3,
  kEntries = 4,
  kNames = 5,
  kSamples = 6,
};
inline constexpr size_t kNumProtectedRanges = 7;

inline constexpr uint64_t kNoEntry = ~uint64_t{0};

struct RawDirectory {
  u64le first_entry;
  u64le num_entries;
  u64le own_entry;  // the entry that names it; kNoEntry for the root
  u32le parent;     // the root is its own parent
  u32le mode;       // permission bits
  i64le mtime_s;
  u32le mtime_ns;
  u32le zero;
};
static_assert(sizeof(RawDirectory) == 48 && alignof(RawDirectory) == 1);

enum class EntryKind : uint8_t { kSample = 0, kDirectory = 1 };

struct RawEntry {
  u64le name_offset;  // from the start of the names section
  u64le target;       // sample index or directory index
  u32le parent;       // directory index
  u16le name_size_bytes;
  uint8_t kind;  // EntryKind
  uint8_t zero;
};
static_assert(sizeof(RawEntry) == 24 && alignof(RawEntry) == 1);

// A raw RGB payload becomes a picture file by a made-up header (ppm) or is rendered (bmp, png).
enum class RawView : uint8_t { kPpm = 0, kBmp = 1, kPng = 2 };

struct RawSample {
  u64le entry;       // which entry names it
  u64le size_bytes;  // of the file that was packed: what stat shows
  u64le xxh3;        // XXH3-64 (seed 0) of the sample's payloads one after another, in field order;
                     // of a packed file, that is of its bytes
  i64le mtime_s;
  u32le mtime_ns;
  u16le mode;        // permission bits
  uint8_t raw_view;  // RawView: how a raw RGB payload is shown under the stored name
  uint8_t zero;
};
static_assert(sizeof(RawSample) == 40 && alignof(RawSample) == 1);

struct RawSection {
  u64le offset;
  u64le size_bytes;
};

// The last bytes before the allocation table.  Numbers of the file are repeated so that a trailer
// left behind by another program's rewrite is not believed.
struct RawTrailer {
  char magic[8];
  u32le version;
  u32le num_sections;
  RawSection sections[kNumSections];  // by SectionKind
  u64le num_samples;
  u64le alloc_table_offset;
  u64le file_size_bytes;
  u64le checksums_xxh3;  // of the whole checksums section
  u64le trailer_xxh3;    // of the trailer up to here
};
static_assert(sizeof(RawTrailer) == 136 && alignof(RawTrailer) == 1);

}  // namespace betonfs
