// Writes everything of a .beton file but its pages: rows, index region, table, and the header last.
//
// Used by every writer (pack, import, concat, commit), so that the format is written in one place.
#pragma once

#include <cstdint>
#include <string>

#include "core/bytes.h"
#include "core/index_builder.h"
#include "core/result.h"
#include "core/schema.h"

namespace betonfs {

struct Structures {
  const Schema* schema = nullptr;
  uint32_t page_size_bytes = 0;
  uint64_t num_samples = 0;
  Bytes rows;   // num_samples * schema->row_size_bytes()
  Bytes table;  // RawTableRow[num_samples * num_payloads], by sample and payload
  const IndexSections* index = nullptr;  // null: a plain FFCV file
  uint64_t pages_end = 0;                // where the last payload ends; 0 if there are no pages
};

// Where the rows end, which is where the first page may start.
uint64_t RowsEnd(const Schema& schema, uint64_t num_samples);

// Positional writes into `fd`; does not sync.  The space between rows and pages and between pages
// and region must already be zero or a hole.  Returns the size of the finished file (`fd` is cut to
// it). Errors: kNoSpace, kIo; kInvalidArgument if the parts do not fit each other.
Result<uint64_t> WriteStructures(int fd, const Structures& structures, const std::string& path);

}  // namespace betonfs
