// An open .beton file: the one door for readers.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/bytes.h"
#include "core/file.h"
#include "core/format.h"
#include "core/index_view.h"
#include "core/result.h"
#include "core/sample_table.h"
#include "core/schema.h"

namespace betonfs {

// One payload of one sample, inside the file.
struct Payload {
  Bytes bytes;      // in the mapping; not touched, not verified
  uint64_t offset;  // of bytes, from the start of the file
  // RGB images only.
  bool is_jpeg = false;
  uint16_t width = 0;
  uint16_t height = 0;
};

struct SampleRange {
  uint64_t first = 0;  // sample index
  uint64_t count = 0;
};

// Holding one proves that header, descriptors, extents and trailer are sound.  What is per sample
// is checked where it is used.  Immutable; any thread may call anything; spans live as long as the
// Dataset. Opening reads header, descriptors, trailer and checksums section and allocates nothing
// per sample.
class Dataset {
 public:
  // Errors: those of MappedFile::Open;
  //         kTruncated    the file ends inside header, descriptors, rows or table, the table has
  //                       fewer rows than there are payloads, or its writer never finished
  //                       (alloc_table_offset 0)
  //         kUnsupported  version other than 2, unknown field type or dtype
  //         kCorrupt      page size, counts or extents are impossible, a table that is not whole
  //                       rows
  // A bad index region is not an error here: see index_error().
  static Result<std::unique_ptr<Dataset>> Open(const std::string& path);
  static Result<std::unique_ptr<Dataset>> Open(MappedFile file);
  ~Dataset();

  const std::string& path() const { return file_.path(); }
  const MappedFile& file() const { return file_; }
  Bytes bytes() const { return file_.bytes(); }
  uint64_t num_samples() const { return num_samples_; }
  uint32_t page_size_bytes() const { return page_size_bytes_; }
  const Schema& schema() const { return schema_; }
  const SampleTable& table() const { return *table_; }
  Extent rows() const { return rows_; }
  Extent table_extent() const { return table_extent_; }
  // Where payloads may lie: [rows end, index region or table).
  Extent pages() const { return pages_; }

  // nullptr for a file without an index region (written by FFCV) or with a damaged one.
  const IndexView* index() const { return index_.get(); }
  // Why the index region of this file cannot be used; nullptr if it can, or if there is none.
  const Error* index_error() const { return index_error_.get(); }

  // The metadata row.  Errors: kInvalidArgument sample out of range; kCorrupt checksum.
  Result<Bytes> Row(SampleIndex sample) const;

  // The payload of `field` (one with has_payload).  Two or three cache misses, no allocation.
  // A zero-length payload may have any offset inside the file: FFCV writes 0, among others.
  // Errors: kInvalidArgument  sample out of range
  //         kCorrupt          no table row, a size other than the cell or the shape promises, bytes
  //                           outside the page area, a checksum
  Result<Payload> PayloadOf(SampleIndex sample, const Field& field) const;

  uint64_t PageOf(uint64_t offset) const { return offset / page_size_bytes_; }

  // The samples whose first payload starts in [offset, offset + size): found by bisection where
  // samples ascend with their offset, as in every file of ours.  Error kUnsupported: they do not.
  Result<SampleRange> SamplesIn(Extent extent) const;
  // Whether samples ascend with their first payload's offset.  True for files of ours, by format;
  // for FFCV's found by one pass over the rows at first need.
  bool samples_ascend() const;

 private:
  explicit Dataset(MappedFile file);
  void OpenIndex(const RawHeader& header);
  Result<uint64_t> FirstSampleFrom(uint64_t offset) const;

  MappedFile file_;
  uint64_t num_samples_ = 0;
  uint32_t page_size_bytes_ = 0;
  Schema schema_;
  Extent rows_;
  Extent pages_;
  Extent table_extent_;
  std::unique_ptr<IndexView> index_;
  std::unique_ptr<Error> index_error_;
  std::unique_ptr<SampleTable> table_;
  mutable std::once_flag ascend_checked_;
  mutable bool samples_ascend_ = false;
};

}  // namespace betonfs
