#include "core/table_check.h"

#include <algorithm>
#include <cstring>

#include "core/block_checks.h"
#include "core/text.h"

namespace betonfs {
namespace {

std::string DescribeRow(const Dataset& dataset, const TableEntry& row) {
  return Cat(dataset.path(), ": the row of sample ", row.sample, " for ", row.size_bytes,
             " bytes at ", row.offset);
}

void AddUnused(const Dataset& dataset, const TableEntry& row, bool is_duplicate,
               FindingList& findings) {
  const bool is_foreign = row.sample >= dataset.num_samples();
  findings.Add(is_foreign ? Severity::kNote : Severity::kWarning, [&] {
    return Finding{{},
                   is_foreign     ? "foreign_row"
                   : is_duplicate ? "duplicate_row"
                                  : "unused_row",
                   DescribeRow(dataset, row) + (is_foreign     ? " is of a sample that is not there"
                                                : is_duplicate ? " is there twice"
                                                               : " is used by no payload of it"),
                   {},
                   {}};
  });
}

// Both sorted: what is in `rows` more often than in `used`.
void CheckUse(const Dataset& dataset, const std::vector<TableEntry>& rows,
              const std::vector<TableEntry>& used, FindingList& findings) {
  auto use = used.begin();
  const TableEntry* last_used = nullptr;
  for (const TableEntry& row : rows) {
    while (use != used.end() && *use < row) ++use;
    if (use != used.end() && *use == row) {
      last_used = &*use++;
    } else {
      AddUnused(dataset, row, last_used && *last_used == row, findings);
    }
  }
}

// Sorted rows that share an offset but not a size, or lie on one another.
void CheckOverlaps(const Dataset& dataset, const std::vector<TableEntry>& rows,
                   FindingList& findings) {
  const TableEntry* longest = nullptr;  // of those that end last
  bool offset_reported = false;
  for (size_t i = 0; i < rows.size(); ++i) {
    const TableEntry& row = rows[i];
    if (row.sample >= dataset.num_samples()) continue;
    const bool same_offset = i > 0 && rows[i - 1].offset == row.offset;
    if (!same_offset) offset_reported = false;
    if (same_offset && rows[i - 1].size_bytes != row.size_bytes && !offset_reported) {
      offset_reported = true;
      findings.Add(Severity::kWarning, [&] {
        return Finding{{},
                       "shared_offset",
                       DescribeRow(dataset, row) +
                           Cat(" has the offset of one for ", rows[i - 1].size_bytes,
                               " bytes of sample ", rows[i - 1].sample, ": FFCV may take either"),
                       {},
                       {}};
      });
    }
    // Differences do not overflow, sums may.
    if (longest && !same_offset && row.size_bytes > 0 &&
        row.offset - longest->offset < longest->size_bytes) {
      findings.Add(Severity::kWarning, [&] {
        return Finding{
            {},
            "overlap",
            DescribeRow(dataset, row) + Cat(" lies on the ", longest->size_bytes, " bytes at ",
                                            longest->offset, " of sample ", longest->sample),
            {},
            {}};
      });
    }
    if (!longest || row.offset - longest->offset >= longest->size_bytes ||
        row.size_bytes > longest->size_bytes - (row.offset - longest->offset)) {
      longest = &row;
    }
  }
}

// Whether the bytes at `offset` were once a trailer: whole but for its magic, or the magic itself.
bool IsTrailerTrace(const Dataset& dataset, uint64_t offset) {
  const auto bytes = Slice(dataset.bytes(), offset, sizeof(RawTrailer));
  if (!bytes) return false;
  RawTrailer trailer;
  std::memcpy(&trailer, bytes->data(), sizeof trailer);
  size_t num_equal = 0;
  for (size_t i = 0; i < sizeof kTrailerMagic; ++i) {
    num_equal += trailer.magic[i] == kTrailerMagic[i];
  }
  if (num_equal > sizeof kTrailerMagic / 2) return true;
  std::memcpy(trailer.magic, kTrailerMagic, sizeof kTrailerMagic);
  const Bytes covered = std::as_bytes(std::span(&trailer, 1));
  return Xxh3(covered.first(offsetof(RawTrailer, trailer_xxh3))) == trailer.trailer_xxh3;
}

}  // namespace

std::vector<TableEntry> SortedRows(const Dataset& dataset) {
  const SampleTable& table = dataset.table();
  std::vector<TableEntry> rows;
  rows.reserve(table.num_rows());
  for (uint64_t i = 0; i < table.num_rows(); ++i) {
    const auto row = table.Row(i);
    if (row) rows.push_back({row->payload_offset, row->payload_size_bytes, row->sample});
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

void CheckTable(const Dataset& dataset, std::vector<TableEntry> used, FindingList& findings) {
  const std::vector<TableEntry> rows = SortedRows(dataset);
  std::sort(used.begin(), used.end());
  CheckUse(dataset, rows, used, findings);
  CheckOverlaps(dataset, rows, findings);
}

std::optional<std::string> FindTrailerTrace(const Dataset& dataset) {
  const Extent table = dataset.table_extent();
  // Where the header says, and where the number of samples says: one of them may be damaged.
  const uint64_t rows_size =
      dataset.num_samples() * dataset.schema().num_payloads() * sizeof(RawTableRow);
  for (const uint64_t table_offset : {table.offset, dataset.bytes().size() - rows_size}) {
    if (table_offset < sizeof(RawTrailer)) continue;
    const uint64_t offset = table_offset - sizeof(RawTrailer);
    if (!IsTrailerTrace(dataset, offset)) continue;
    return Cat(dataset.path(), ": the bytes at ", offset,
               " are what is left of an index trailer, but the header has the table at ",
               table.offset, " and the trailer no magic there: names and checksums are lost");
  }
  return std::nullopt;
}

}  // namespace betonfs
