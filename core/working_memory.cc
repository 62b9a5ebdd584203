#include "core/working_memory.h"

#include <unistd.h>

#include <limits>

#include "core/text.h"

namespace betonfs {

uint64_t WorkingMemoryLimitBytes() {
  const long num_pages = sysconf(_SC_PHYS_PAGES);
  const long page_size_bytes = sysconf(_SC_PAGESIZE);
  if (num_pages <= 0 || page_size_bytes <= 0) return std::numeric_limits<uint64_t>::max();
  return static_cast<uint64_t>(num_pages) * static_cast<uint64_t>(page_size_bytes) / 2;
}

Status CheckWorkingMemory(uint64_t size_bytes, uint64_t limit_bytes, const std::string& path,
                          std::string_view purpose) {
  if (size_bytes <= limit_bytes) return {};
  return Fail(ErrorKind::kUnsupported,
              Cat(path, ": ", purpose, " takes ", size_bytes, " bytes of memory, more than the ",
                  limit_bytes, " that are half of this machine's"));
}

}  // namespace betonfs
