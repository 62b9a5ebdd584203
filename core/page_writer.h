// Fills the pages of a new file in parallel.  Knows nothing of where samples come from.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/bytes.h"
#include "core/index_builder.h"
#include "core/page_layout.h"
#include "core/result.h"
#include "core/schema.h"

namespace betonfs {

// Which bytes of which payload a reader is asked for.
struct PayloadPart {
  SampleIndex sample;
  uint32_t payload = 0;  // payload number in the schema
  uint64_t offset = 0;   // of the part in the payload
  uint64_t size = 0;
  bool is_last = true;  // the part reaches the end of the payload
};

// Delivers samples to one worker: a sample's payloads in the order of their numbers, a payload's
// parts from front to back, then Describe().  Used by one thread at a time.
class SampleReader {
 public:
  virtual ~SampleReader() = default;

  // Puts part.size bytes at the front of `room`, which is one byte longer: a reader that asks for
  // that byte too learns in the same system call whether its payload has grown.  Payloads larger
  // than a work unit come in several parts.
  // Errors: kChanged  the payload no longer has the size it was planned with
  //         any other, naming the source
  virtual Status Read(const PayloadPart& part, MutableBytes room) = 0;

  // Sets what is not a payload's place: scalars, and mode, width and height of images.  `row`
  // already holds every payload's offset and size.
  virtual Status Describe(SampleIndex sample, MutableBytes row) = 0;
};

// What a dataset is made from.  Sizes are known before the first byte is read.
class SampleSource {
 public:
  virtual ~SampleSource() = default;

  virtual const Schema& schema() const = 0;
  virtual uint64_t num_samples() const = 0;
  // By sample and payload; stays as it is while the source lives.
  virtual std::span<const uint64_t> payload_sizes() const = 0;

  // Called once by each worker, from several threads.
  virtual std::unique_ptr<SampleReader> NewReader() = 0;

  // Called once, when every payload was read: names all samples.  `xxh3` holds the hash of each
  // one's payloads, one after another.  An error here discards the file.
  virtual Status AddNames(IndexBuilder& index, std::span<const uint64_t> xxh3) = 0;
};

// The largest piece of work: whatever the page size, no worker holds more than this.
inline constexpr uint64_t kMaxUnitSizeBytes = 8u << 20;

struct WriteOptions {
  unsigned num_threads = 1;
  // Each worker's buffer; num_threads * unit_size_bytes is all the memory payloads take.
  uint64_t unit_size_bytes = 1u << 20;
  const std::atomic<bool>* cancel = nullptr;  // set from anywhere to stop with kCancelled
  // Called by the workers, several at a time, as each unit is written: how much more is done.
  std::function<void(uint64_t num_samples, uint64_t payload_bytes)> on_progress = nullptr;
};

// Where WritePages leaves what it learned.
struct PageRecords {
  MutableBytes rows;         // num_samples * row_size_bytes(), zeroed
  std::span<uint64_t> xxh3;  // one per sample
};

// Writes every payload of `source` where `layout` puts it.  Workers take units of whole samples
// (or one large sample, in parts) from an atomic counter and write them positionally: no lock, and
// the same bytes at any thread count.
// Errors: of the source (the first in sample order among those met); kCancelled; kNoSpace, kIo.
Status WritePages(int fd, const std::string& path, SampleSource& source, const PageLayout& layout,
                  const PageRecords& records, const WriteOptions& options);

}  // namespace betonfs
