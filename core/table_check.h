// What check.h has to say about files that have no checksums: the table and its traces of ours.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/dataset.h"
#include "core/finding_list.h"

namespace betonfs {

// A row of the allocation table, or a payload that has one.  Sorts by offset.
struct TableEntry {
  uint64_t offset;
  uint64_t size_bytes;
  uint64_t sample;
  auto operator<=>(const TableEntry&) const = default;
};

// All rows of the table but those whose checksum fails, sorted.  Costs 24 bytes per row.
std::vector<TableEntry> SortedRows(const Dataset& dataset);

// Rows that no payload uses, that are there twice, that share an offset or overlap.  `used` has one
// entry for each payload that was found, in any order.
void CheckTable(const Dataset& dataset, std::vector<TableEntry> used, FindingList& findings);

// For a file without trailer: where one of ours lies that its magic or the header does not lead to
// any more.  Nothing for a plain file.
std::optional<std::string> FindTrailerTrace(const Dataset& dataset);

}  // namespace betonfs
