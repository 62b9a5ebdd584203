// The bytes of one file while it is open for writing.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "core/staging_journal.h"
#include "core/staging_store.h"
#include "core/xxh3_stream.h"

namespace betonfs {

// A file being written is in one of four states:
//   at rest   nothing was changed since it was last sealed
//   memory    small: all of it is here, and goes into a page when it is sealed
//   stream    too large for memory and written from front to back: its bytes go straight into a
//             reservation of the page file
//   spill     written at random, or changed again and again: a file of its own in the work area,
//             changed in place from then on, moved into pages by commit
// What was sealed before stays as it is until the new content has been sealed, except in a spill
// file.  The caller holds mutex() around everything.
class StagingFile {
 public:
  // `times_sealed` says how often the file was sealed before: one that keeps changing spills.
  StagingFile(StagingStore& store, const Content& sealed, uint8_t times_sealed);
  ~StagingFile();  // drops what is not sealed
  StagingFile(const StagingFile&) = delete;
  StagingFile& operator=(const StagingFile&) = delete;

  std::mutex& mutex() { return mutex_; }

  uint64_t size_bytes() const { return size_; }
  bool dirty() const { return dirty_; }
  const Content& sealed() const { return sealed_; }

  // The bytes of [offset, offset + size), cut at the end of the file: a span where they lie, or
  // `buffer` filled with them.  The span lives until the file changes.
  Result<Bytes> Read(uint64_t offset, uint64_t size, std::vector<std::byte>& buffer) const;

  // Grows the file as needed; a gap reads as zeros.  On an error the file is as it was, but for a
  // part of the range that may have been written.
  Status Write(uint64_t offset, Bytes bytes);
  Status Truncate(uint64_t size_bytes);

  // Brings all of it to rest.  What it returns is for the tree and the journal; the file is clean
  // once they have it and MarkSealed() was called.
  Result<Content> Seal();
  void MarkSealed(const Content& content);

  // Data of a spill file to the disk; nothing for the others, whose bytes are in the page file.
  Status SyncSpill();

  // At rest somewhere else: commit moved it.  Only while it is clean.
  void MoveTo(const Content& content);

 private:
  enum class State { kAtRest, kMemory, kStream, kSpill };

  // Brings the file into a state in which bytes up to `end` can be written from `offset` on.
  Status Prepare(uint64_t offset, uint64_t end);
  Status Load(uint64_t keep_bytes);
  Status ToStream(uint64_t min_size_bytes);
  Status ToSpill(uint64_t keep_bytes);
  Status GrowReservation(uint64_t min_size_bytes);
  bool FitsMemory(uint64_t size_bytes) const;
  void ResizeBuffer(uint64_t size_bytes);
  void DropStream();
  Status WriteStream(uint64_t offset, Bytes bytes);
  Result<Content> SealStream();

  StagingStore& store_;
  std::mutex mutex_;
  State state_ = State::kAtRest;
  Content sealed_;
  uint8_t times_sealed_;
  bool dirty_ = false;
  uint64_t size_;
  std::vector<std::byte> buffer_;       // memory
  Extent reservation_;                  // stream
  std::unique_ptr<Xxh3Stream> hasher_;  // stream; null once something was written out of order
  uint64_t writeback_from_ = 0;         // stream: write-back was begun up to here
  UniqueFd spill_;                      // spill
  uint64_t spill_number_ = 0;
};

}  // namespace betonfs
