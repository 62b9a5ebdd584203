#include "core/structure_writer.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

#include "core/block_checks.h"
#include "core/file.h"

namespace betonfs {
namespace {

template <class T>
Bytes BytesOf(const T& object) {
  return std::as_bytes(std::span<const T, 1>(&object, 1));
}

// Where the parts behind the pages lie.
struct StructurePlaces {
  std::array<Extent, kNumSections> sections{};
  uint64_t trailer_offset = 0;
  uint64_t table_offset = 0;
  uint64_t file_size_bytes = 0;
};

using Ranges = std::array<Bytes, kNumProtectedRanges>;
using Sections = std::array<Bytes, kNumSections>;

Sections SectionsOf(const IndexSections& index) {
  // The checksums follow when everything else is known.
  return {std::as_bytes(std::span(index.directories)), std::as_bytes(std::span(index.entries)),
          AsBytes(index.names), std::as_bytes(std::span(index.samples)), Bytes()};
}

uint64_t ChecksumsSize(const Ranges& ranges) {
  uint64_t blocks = 0;
  for (const Bytes range : ranges) blocks += BlockChecks::NumBlocks(range.size());
  return blocks * sizeof(u64le);
}

std::vector<u64le> ChecksumsOf(const Ranges& ranges) {
  std::vector<u64le> checksums;
  for (const Bytes range : ranges) {
    for (uint64_t at = 0; at < range.size(); at += kChecksumBlockSizeBytes) {
      const uint64_t size = std::min<uint64_t>(kChecksumBlockSizeBytes, range.size() - at);
      checksums.emplace_back(Xxh3(range.subspan(at, size)));
    }
  }
  return checksums;
}

StructurePlaces Place(uint64_t pages_end, const Sections& sections, uint64_t checksums_size,
                      uint64_t table_size, bool has_index) {
  StructurePlaces placement;
  placement.table_offset = pages_end;
  if (has_index) {
    uint64_t end = pages_end;
    for (size_t i = 0; i < kNumSections; ++i) {
      const bool is_checksums = i == static_cast<size_t>(SectionKind::kChecksums);
      placement.sections[i] = {AlignUp(end, kSectionAlignmentBytes),
                               is_checksums ? checksums_size : sections[i].size()};
      end = placement.sections[i].offset + placement.sections[i].size;
    }
    placement.trailer_offset = end;  // a multiple of 8, as the checksums before it are
    placement.table_offset = end + sizeof(RawTrailer);
  }
  placement.file_size_bytes = placement.table_offset + table_size;
  return placement;
}

std::string MakeHead(const Structures& structures, const StructurePlaces& placement) {
  RawHeader header;
  header.version = kBetonVersion;
  header.num_fields = static_cast<uint16_t>(structures.schema->fields().size());
  header.page_size_bytes = structures.page_size_bytes;
  header.num_samples = structures.num_samples;
  header.alloc_table_offset = placement.table_offset;
  std::string head(AsText(BytesOf(header)));
  return head += structures.schema->Serialize();
}

RawTrailer MakeTrailer(const Structures& structures, const StructurePlaces& placement,
                       Bytes checksums) {
  RawTrailer trailer;
  std::memcpy(trailer.magic, kTrailerMagic, sizeof trailer.magic);
  trailer.version = kIndexVersion;
  trailer.num_sections = static_cast<uint32_t>(kNumSections);
  for (size_t i = 0; i < kNumSections; ++i) {
    trailer.sections[i].offset = placement.sections[i].offset;
    trailer.sections[i].size_bytes = placement.sections[i].size;
  }
  trailer.num_samples = structures.num_samples;
  trailer.alloc_table_offset = placement.table_offset;
  trailer.file_size_bytes = placement.file_size_bytes;
  trailer.checksums_xxh3 = Xxh3(checksums);
  trailer.trailer_xxh3 = Xxh3(BytesOf(trailer).first(sizeof trailer - sizeof trailer.trailer_xxh3));
  return trailer;
}

Status CheckFit(const Structures& s, uint64_t pages_end, const std::string& path) {
  const Schema& schema = *s.schema;
  if (s.rows.size() == s.num_samples * schema.row_size_bytes() &&
      s.table.size() == s.num_samples * schema.num_payloads() * sizeof(RawTableRow) &&
      (s.index == nullptr || s.index->samples.size() == s.num_samples) &&
      pages_end >= RowsEnd(schema, s.num_samples)) {
    return {};
  }
  return Fail(ErrorKind::kInvalidArgument,
              path + ": rows, table, index and pages do not fit " + std::to_string(s.num_samples) +
                  " samples of " + std::to_string(schema.row_size_bytes()) + " bytes a row");
}

}  // namespace

uint64_t RowsEnd(const Schema& schema, uint64_t num_samples) {
  return sizeof(RawHeader) + schema.fields().size() * sizeof(RawFieldDescriptor) +
         num_samples * schema.row_size_bytes();
}

Result<uint64_t> WriteStructures(int fd, const Structures& structures, const std::string& path) {
  const uint64_t rows_end = RowsEnd(*structures.schema, structures.num_samples);
  const uint64_t pages_end = structures.pages_end == 0 ? rows_end : structures.pages_end;
  RETURN_IF_ERROR(CheckFit(structures, pages_end, path));

  const bool has_index = structures.index != nullptr;
  Sections sections = has_index ? SectionsOf(*structures.index) : Sections{};
  const uint64_t head_size = rows_end - structures.rows.size();
  // For its size alone, the head may stand in for itself before it is known.
  Ranges ranges = {Bytes(),     structures.rows, structures.table, sections[0],
                   sections[1], sections[2],     sections[3]};
  const uint64_t checksums_size =
      ChecksumsSize(ranges) + BlockChecks::NumBlocks(head_size) * sizeof(u64le);
  const StructurePlaces placement =
      Place(pages_end, sections, checksums_size, structures.table.size(), has_index);
  const std::string head = MakeHead(structures, placement);
  ranges[0] = AsBytes(head);

  // Whatever lay behind the pages is gone, and what padding is left between the parts reads as
  // zero.
  if (ftruncate(fd, static_cast<off_t>(pages_end)) != 0 ||
      ftruncate(fd, static_cast<off_t>(placement.file_size_bytes)) != 0) {
    return FailErrno(path + ": cannot set its size", errno);
  }
  RETURN_IF_ERROR(WriteAt(fd, structures.rows, head_size, path));
  if (has_index) {
    const std::vector<u64le> checksums = ChecksumsOf(ranges);
    sections.back() = std::as_bytes(std::span(checksums));
    for (size_t i = 0; i < kNumSections; ++i) {
      RETURN_IF_ERROR(WriteAt(fd, sections[i], placement.sections[i].offset, path));
    }
    const RawTrailer trailer = MakeTrailer(structures, placement, sections.back());
    RETURN_IF_ERROR(WriteAt(fd, BytesOf(trailer), placement.trailer_offset, path));
  }
  RETURN_IF_ERROR(WriteAt(fd, structures.table, placement.table_offset, path));
  RETURN_IF_ERROR(WriteAt(fd, AsBytes(head), 0, path));
  return placement.file_size_bytes;
}

}  // namespace betonfs
