// The index region, read in place: which directories and names there are, and the way back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/block_checks.h"
#include "core/bytes.h"
#include "core/format.h"
#include "core/result.h"

namespace betonfs {

// A directory of the tree, checked: its entry run lies inside the entries section.
struct Directory {
  DirIndex index;
  EntryIndex first_entry;
  uint64_t num_entries;
  EntryIndex own_entry;  // meaningless for the root
  DirIndex parent;
  uint16_t mode;
  int64_t mtime_s;
  uint32_t mtime_ns;
};

// A name, checked: 1 to 255 bytes, no '/', no NUL, not "." or ".."; the target exists, and a
// directory has this entry for its own.
struct Entry {
  std::string_view name;  // lives as long as the mapping
  EntryKind kind;
  uint64_t target;  // sample or directory index
  DirIndex parent;

  SampleIndex sample() const { return SampleIndex{target}; }
  DirIndex directory() const { return DirIndex{static_cast<uint32_t>(target)}; }
};

// What is stored about a sample besides its payloads.
struct SampleRecord {
  EntryIndex entry;
  uint64_t size_bytes;
  uint64_t xxh3;
  int64_t mtime_s;
  uint32_t mtime_ns;
  uint16_t mode;
  RawView raw_view;
};

// Borrows the mapped file.  Immutable but for the verified bits; any thread may call anything.
// Opening costs the trailer and the checksums section (8 bytes per 64 KiB of structures); nothing
// is allocated per sample.  Every answer is checked against its block's checksum on first touch and
// against its bounds on every touch, so a hostile file with right checksums cannot lead outside the
// mapping.
class IndexView {
 public:
  // nullptr if the file has no trailer: a plain FFCV file.
  // `rows` and `table` are the extents the header promises.
  // Errors: kUnsupported  a trailer of another version
  //         kCorrupt      a trailer whose checksum, repeated numbers or sections do not fit the
  //         file
  static Result<std::unique_ptr<IndexView>> Open(Bytes file, const RawHeader& header, Extent rows,
                                                 Extent table, const std::string& path);

  uint64_t num_directories() const { return num_directories_; }
  uint64_t num_entries() const { return num_entries_; }
  Extent region() const { return region_; }  // first section to the end of the trailer
  Extent section(SectionKind kind) const { return sections_[static_cast<size_t>(kind)]; }

  // Errors of all of these: kCorrupt.  An index out of range is kCorrupt too (it came from the
  // file).
  Result<Directory> DirectoryAt(DirIndex index) const;
  Result<Entry> EntryAt(EntryIndex index) const;
  Result<SampleRecord> SampleAt(SampleIndex index) const;

  // An entry of a directory, position < num_entries: the way to list one.  Error kCorrupt also if
  // the entry says it is in another, so that a walk downwards from the root comes to an end.
  Result<Entry> EntryIn(const Directory& directory, uint64_t position) const;

  // The entry called `name`, found by binary search; nullopt if there is none.
  Result<std::optional<EntryIndex>> Find(const Directory& directory, std::string_view name) const;

  // "a/b/c.jpg", without a leading slash.  Depth is bounded, so a cycle is an error and not a hang.
  Result<std::string> PathOf(EntryIndex entry) const;
  Result<std::string> PathOf(SampleIndex sample) const;
  Result<std::string> PathOf(DirIndex directory) const;  // "" for the root
  // Walks a relative path; nullopt if a part of it is missing.  Error kCorrupt.
  Result<std::optional<EntryIndex>> Resolve(std::string_view path) const;

  const BlockChecks& checks(ProtectedRange range) const {
    return *checks_[static_cast<size_t>(range)];
  }

  // Everything there is to find: every block's checksum, order and uniqueness of the names, that
  // entries, directories and samples point at each other, that section padding is zero.  Linear;
  // for `check` and -o verify=open.  If checksums fail, those are all it says; of the rest about
  // the first thousand.
  std::vector<Error> VerifyAll() const;

 private:
  IndexView() = default;

  // The steps of Open().
  Status ParseTrailer(const RawTrailer& trailer, uint64_t trailer_offset, const RawHeader& header);
  Status PlaceSections(const RawTrailer& trailer, uint64_t trailer_offset, uint64_t rows_end);
  Status MakeChecks(const RawTrailer& trailer, Extent header, Extent rows, Extent table);

  // Item `index` of a section of T, checked against its block's checksum.
  template <class T>
  Result<T> Item(SectionKind kind, ProtectedRange range, uint64_t index, const char* what) const;
  Result<std::string_view> NameOf(const RawEntry& raw, uint64_t index) const;
  tl::unexpected<Error> Corrupt(const std::string& what) const;

  // The parts of VerifyAll().
  void VerifyRuns(std::vector<Error>& errors) const;
  void VerifyNames(std::vector<Error>& errors) const;
  void VerifyDirectory(DirIndex index, std::vector<Error>& errors) const;
  void VerifySample(SampleIndex index, std::vector<Error>& errors) const;
  void VerifyPadding(std::vector<Error>& errors) const;
  void Report(std::vector<Error>& errors, const std::string& what) const;

  Bytes file_;
  std::string path_;
  uint64_t num_samples_ = 0;
  uint64_t num_directories_ = 0;
  uint64_t num_entries_ = 0;
  Extent region_;
  Extent sections_[kNumSections];
  std::unique_ptr<BlockChecks> checks_[kNumProtectedRanges];
};

}  // namespace betonfs
