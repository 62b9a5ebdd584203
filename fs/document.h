// A text that the control directory shows as a file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"

namespace betonfs {

// Immutable once it is made, so that what stat said is what read gives.  Any thread may read.
class Document {
 public:
  virtual ~Document() = default;
  virtual uint64_t size_bytes() const = 0;
  // [offset, offset + size) as far as there is any; empty at and after the end.
  virtual Result<std::string> Read(uint64_t offset, size_t size) const = 0;
};

std::shared_ptr<const Document> TextDocument(std::string text);

// Appends line `index`, its newline included.  Must give the same bytes every time; thread-safe.
using LineMaker = std::function<Status(uint64_t index, std::string& out)>;

// Lines made as they are read, never held.  Making the document makes every line once, to know the
// size, and keeps 8 bytes per 1,024 lines; a read makes at most 1,023 lines more than it returns.
// Errors: those of `line`.
Result<std::shared_ptr<const Document>> LineDocument(uint64_t num_lines, LineMaker line);

}  // namespace betonfs
