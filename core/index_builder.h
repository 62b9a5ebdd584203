// Collects directories and names and makes the sections of the index region.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/format.h"
#include "core/index_view.h"
#include "core/result.h"

namespace betonfs {

struct EntryAttributes {
  uint16_t mode = 0644;
  int64_t mtime_s = 0;
  uint32_t mtime_ns = 0;
};

// The sections before the checksums, ready to be written.
struct IndexSections {
  std::vector<RawDirectory> directories;
  std::vector<RawEntry> entries;
  std::string names;
  std::vector<RawSample> samples;
};

// One thread at a time.  Costs what the sections cost (24 bytes and the name per entry, 40 per
// sample, 48 per directory), and nothing more once Finish() returned.
class IndexBuilder {
 public:
  explicit IndexBuilder(uint64_t num_samples);

  // Returns the new directory; kRootDir exists from the start.
  DirIndex AddDirectory(DirIndex parent, std::string_view name, const EntryAttributes& attributes);
  void SetRootAttributes(const EntryAttributes& attributes);

  // Names sample `sample`; every sample in [0, num_samples) must be named exactly once, in any
  // order.
  void AddSample(SampleIndex sample, DirIndex parent, std::string_view name,
                 const EntryAttributes& attributes, uint64_t size_bytes, uint64_t xxh3,
                 RawView raw_view = RawView::kPpm);

  // Sorts the entries of every directory bytewise and numbers directories in the order of their
  // paths, so that equal trees give equal bytes whatever the order of the calls.  The builder is
  // empty afterwards. Errors: kInvalidArgument  a name that is empty, ".", "..", longer than 255
  // bytes, with '/' or NUL,
  //                           or twice in one directory (the path is in the message); a sample
  //                           unnamed
  Result<IndexSections> Finish();

 private:
  std::vector<RawDirectory> directories_;
  std::vector<RawEntry> entries_;
  std::string names_;
  std::vector<RawSample> samples_;
};

}  // namespace betonfs
