#include <algorithm>
#include <cstring>
#include <optional>

#include "core/block_checks.h"
#include "core/dataset.h"
#include "tests/fuzz/repair.h"

namespace betonfs::fuzz {
namespace {

template <class T>
T ReadAs(Bytes bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// The protected ranges, as long as all of them lie in the file.
std::optional<std::vector<Bytes>> Ranges(Bytes file, const RawHeader& header,
                                         const RawTrailer& trailer) {
  const uint64_t descriptors_size = header.num_fields * sizeof(RawFieldDescriptor);
  const auto descriptors = Slice(file, sizeof header, descriptors_size);
  if (!descriptors) return std::nullopt;
  const auto schema = Schema::Parse(*descriptors, header.num_fields, "");
  uint64_t rows_size = 0;
  if (!schema ||
      __builtin_mul_overflow(uint64_t{header.num_samples}, schema->row_size_bytes(), &rows_size)) {
    return std::nullopt;
  }
  const uint64_t table_offset = header.alloc_table_offset;
  std::vector<Extent> extents = {{0, sizeof header + descriptors_size},
                                 {sizeof header + descriptors_size, rows_size},
                                 {table_offset, file.size() - table_offset}};
  for (size_t i = 0; i + 1 < kNumSections; ++i) {
    extents.push_back({trailer.sections[i].offset, trailer.sections[i].size_bytes});
  }
  std::vector<Bytes> ranges;
  for (const Extent& extent : extents) {
    const auto range = Slice(file, extent.offset, extent.size);
    if (!range) return std::nullopt;
    ranges.push_back(*range);
  }
  return ranges;
}

void WriteChecksums(const std::vector<Bytes>& ranges, std::span<uint8_t> out) {
  size_t at = 0;
  for (Bytes range : ranges) {
    for (; !range.empty() && at + sizeof(u64le) <= out.size(); at += sizeof(u64le)) {
      const Bytes block = range.first(std::min<size_t>(range.size(), kChecksumBlockSizeBytes));
      const u64le checksum = Xxh3(block);
      std::memcpy(out.data() + at, &checksum, sizeof checksum);
      range = range.subspan(block.size());
    }
  }
}

}  // namespace

void RepairChecksums(std::span<uint8_t> file) {
  const Bytes bytes = std::as_bytes(file);
  if (file.size() < sizeof(RawHeader)) return;
  const auto header = ReadAs<RawHeader>(bytes);
  const uint64_t table = header.alloc_table_offset;
  if (table > file.size() || table < sizeof(RawTrailer)) return;
  const uint64_t trailer_offset = table - sizeof(RawTrailer);
  auto trailer = ReadAs<RawTrailer>(bytes.subspan(trailer_offset));

  std::memcpy(trailer.magic, kTrailerMagic, sizeof trailer.magic);
  trailer.version = kIndexVersion;
  trailer.num_sections = static_cast<uint32_t>(kNumSections);
  trailer.num_samples = header.num_samples;
  trailer.alloc_table_offset = table;
  trailer.file_size_bytes = file.size();
  const RawSection& place = trailer.sections[static_cast<size_t>(SectionKind::kChecksums)];
  if (Slice(bytes, place.offset, place.size_bytes)) {
    const auto checksums = file.subspan(place.offset, place.size_bytes);
    if (const auto ranges = Ranges(bytes, header, trailer)) WriteChecksums(*ranges, checksums);
    trailer.checksums_xxh3 = Xxh3(std::as_bytes(checksums));
  }
  trailer.trailer_xxh3 =
      Xxh3(std::as_bytes(std::span(&trailer, 1)).first(offsetof(RawTrailer, trailer_xxh3)));
  std::memcpy(file.data() + trailer_offset, &trailer, sizeof trailer);
}

}  // namespace betonfs::fuzz
