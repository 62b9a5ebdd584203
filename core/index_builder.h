// Collects directories and names and makes the sections of the index region.
#pragma once

#include <cstdint>
#include <optional>
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

// One thread at a time.  Holds what the sections hold (24 bytes and the name per entry, 40 per
// sample, 48 per directory); Finish() needs entries and names twice for a moment.
class IndexBuilder {
 public:
  explicit IndexBuilder(uint64_t num_samples);

  // Returns the new directory; kRootDir exists from the start.  `parent` comes from here.
  DirIndex AddDirectory(DirIndex parent, std::string_view name, const EntryAttributes& attributes);
  void SetRootAttributes(const EntryAttributes& attributes);

  // Names sample `sample`; every sample in [0, num_samples) must be named exactly once, in any
  // order.
  void AddSample(SampleIndex sample, DirIndex parent, std::string_view name,
                 const EntryAttributes& attributes, uint64_t size_bytes, uint64_t xxh3,
                 RawView raw_view = RawView::kPpm);

  // Sorts the entries of every directory bytewise and numbers directories depth first in that order
  // (a directory, then all below it, then its next sibling), so that equal trees give equal bytes
  // whatever the order of the calls.  The builder is empty afterwards.
  // Errors: kInvalidArgument  a name that is empty, ".", "..", longer than 255 bytes, with '/' or
  //                           NUL, or twice in one directory; a sample unnamed or named twice.  The
  //                           message has the path.
  Result<IndexSections> Finish();

 private:
  void AddEntry(DirIndex parent, std::string_view name, EntryKind kind, uint64_t target);
  std::string_view NameOf(const RawEntry& entry) const;
  std::string PathOf(const RawEntry& entry) const;
  Status CheckSamplesNamed() const;
  void GroupByDirectory();
  Status SortRuns();
  std::vector<uint32_t> DepthFirstOrder() const;
  IndexSections Renumbered(const std::vector<uint32_t>& order);

  std::vector<RawDirectory> directories_;
  std::vector<RawEntry> entries_;  // in the order of the calls, later grouped by directory
  std::string names_;
  std::vector<RawSample> samples_;
  std::optional<Error> error_;  // the first one met while adding
};

}  // namespace betonfs
