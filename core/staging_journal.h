// The journal of a staging mount: what happened to its tree, so that it can be told again.
//
//   header | record | record | ...
//
// A record is a frame (size and XXH3-64 of the body) and a body: fixed fields, then two texts.
// Records name files by path, not by number: a journal means something beside any tree that has
// these paths, so commit can put a new dataset underneath and go on.  (Numbers would be shorter,
// but those of a tree reloaded from a dataset differ from those the kernel knows by then.)
//
// A record that is cut short or fails its checksum ends the journal: a crash tears the last one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/result.h"
#include "core/staging_io.h"

namespace betonfs {

struct Timestamp {
  int64_t s = 0;
  uint32_t ns = 0;
  bool operator==(const Timestamp&) const = default;
};

// Which file holds the bytes of a staged file.
enum class Where : uint8_t {
  kNowhere = 0,  // empty
  kPages = 1,    // the page file of the work area
  kBase = 2,     // the dataset the mount started from, or the last commit made
  kSpill = 3,    // a file of its own in the work area; `offset` is its number
};

enum class Picture : uint8_t { kUnknown = 0, kNotJpeg = 1, kJpeg = 2 };

// A file's bytes at rest.
struct Content {
  Where where = Where::kNowhere;
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t xxh3 = 0;  // not kept for spilled files, whose bytes may still change in place
  // Of the frame header, noted while the bytes were at hand: commit need not read them again.
  Picture picture = Picture::kUnknown;
  uint8_t components = 0;
  uint16_t width = 0;
  uint16_t height = 0;
  bool operator==(const Content&) const = default;
};

enum class JournalKind : uint8_t {
  kClear = 1,        // forget the dataset's tree: what follows is all there is
  kBegun,            // what was before stands for content.size changes made since the dataset
  kSynced,           // what files sealed before journal offset content.offset hold is on the disk
  kMakeDirectory,    // path mode mtime
  kCreate,           // path mode mtime: an empty file
  kSeal,             // path mtime content
  kAttributes,       // path mode mtime
  kRemove,           // path mtime: a name that is no directory's
  kRemoveDirectory,  // path mtime
  kRename,           // path second mtime
  kLink,             // path second mtime: the second is a further name of the first
  kSymlink,          // path second mtime: the second is what the link says
};
inline constexpr auto kLastJournalKind = JournalKind::kSymlink;

// `mtime` of a record that changes a directory is also that directory's new mtime.
struct JournalRecord {
  JournalKind kind = JournalKind::kSynced;
  uint16_t mode = 0;
  Timestamp mtime;
  Content content;
  std::string_view path;  // without leading slash; "" is the root
  std::string_view second;
};

// Which boot of the machine wrote it: within one boot, whatever was written can still be read.
struct BootId {
  char bytes[16] = {};
  bool operator==(const BootId&) const = default;
  static BootId Current();
};

// Which dataset lies underneath: its size and a hash of its header and trailer.
struct BaseIdentity {
  uint64_t size_bytes = 0;  // 0: there was none
  uint64_t xxh3 = 0;
  bool operator==(const BaseIdentity&) const = default;
};

struct JournalHeader {
  uint64_t generation = 0;  // counts commits
  BaseIdentity base;
  BootId boot;
};

// What was read from a journal.
struct JournalReplay {
  JournalHeader header;
  uint64_t num_records = 0;
  uint64_t end_offset = 0;          // of the last good record; what follows is not to be believed
  uint64_t damaged_size_bytes = 0;  // of what follows, without a tail of zeros
};

// Calls `apply` with each whole record and its offset; it returns whether the record makes sense,
// and the replay ends with the first that does not.  `path` is for messages.
// Errors: kTruncated    shorter than its header
//         kUnsupported  of another version (message: found and expected)
//         kCorrupt      not a journal, or a header that fails its checksum
Result<JournalReplay> ReplayJournal(
    Bytes journal, const std::string& path,
    const std::function<bool(const JournalRecord&, uint64_t offset)>& apply);

// Up to where the last kSynced record says that everything is on the disk; 0: nothing is known.
// Errors as ReplayJournal.
Result<uint64_t> SyncedOffset(Bytes journal, const std::string& path);

// Appends to a journal.  Append() and Reserve() are called by one thread at a time (the tree's
// lock); Flush() and Sync() by any: threads that meet there share one write.
class JournalWriter {
 public:
  // Begins an empty journal at `path`, replacing what is there.
  static Result<std::unique_ptr<JournalWriter>> Create(StageIo& io, const std::string& path,
                                                       const JournalHeader& header);
  // Goes on behind `end_offset`, cutting off what is there.
  static Result<std::unique_ptr<JournalWriter>> Resume(StageIo& io, const std::string& path,
                                                       uint64_t end_offset);

  // Makes sure of room on the disk for records of up to kReserveSizeBytes together, so that what
  // comes after cannot fail for want of it.  Error kNoSpace.
  Status Reserve();
  static constexpr uint64_t kReserveSizeBytes = 256 << 10;

  // Into memory only.
  void Append(const JournalRecord& record);
  // Everything appended so far is written: it survives the death of this process.
  Status Flush();
  // ... and of the machine.
  Status Sync();

  // Everything to the disk, then a new name, replacing what had it, and that to the disk too.
  Status PutInPlace(const std::string& path);

  uint64_t size_bytes() const;  // written and appended
  const std::string& path() const { return path_; }

 private:
  JournalWriter(StageIo& io, std::string path, UniqueFd fd, uint64_t end_offset);

  StageIo& io_;
  std::string path_;
  UniqueFd fd_;
  mutable std::mutex pending_mutex_;  // guards pending_ and appended_
  std::string pending_;
  uint64_t appended_;       // offset behind all of pending_
  std::mutex write_mutex_;  // guards written_ and what is being written
  std::string writing_;     // taken from pending_ and not on file yet
  uint64_t written_;
  uint64_t reserved_ = 0;  // allocated on the disk up to here; the tree's lock
};

}  // namespace betonfs
