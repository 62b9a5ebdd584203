// A staging mount without FUSE: the work area OUT.beton.stage/ and every operation on its files.
//
//   OUT.beton.stage/lock        held with flock while somebody works here
//                   pages.G     the page file of generation G, to become OUT.beton
//                   journal.G   what happened to the tree since OUT.beton, generation G
//                   spill.N     the bytes of a file that is written at random
//
// Commit makes pages.G a dataset, writes journal.(G+1), whose header says which dataset it is to
// lie on, and renames pages.G to OUT.beton.  That rename is the one moment in which both the
// dataset and the work area change: whoever finds two journals goes on with the later one if
// OUT.beton is what its header says, and with the earlier one if not.
#pragma once

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/freeze_gate.h"
#include "core/result.h"
#include "core/staging_file.h"
#include "core/staging_io.h"
#include "core/staging_journal.h"
#include "core/staging_store.h"
#include "core/staging_tree.h"

namespace betonfs {

struct StageOptions {
  std::string beton_path;
  uint32_t page_size_bytes = kDefaultPageSizeBytes;
  bool may_create = true;  // false: kNotFound where there is no work area
};

// What was found when a work area was opened again.
struct ResumeReport {
  bool resumed = false;          // there was a work area
  bool finished_commit = false;  // the last commit had happened but not been tidied up
  bool rebooted = false;         // the machine went down since: what was not synced was looked at
  uint64_t num_records = 0;
  uint64_t num_files = 0;
  uint64_t damaged_offset = 0;      // of the first bad journal record, if damaged_size_bytes > 0
  uint64_t damaged_size_bytes = 0;  // everything before it was kept
  std::vector<std::string> lost;    // closed but not synced when the machine went down: path
};

struct StageAttr {
  StageIno ino{0};
  NodeKind kind = NodeKind::kFile;
  uint16_t mode = 0;
  uint32_t nlink = 0;
  uint64_t size_bytes = 0;
  Timestamp mtime;
  Timestamp ctime;
};

struct StageChanges {
  std::optional<uint16_t> mode;
  std::optional<Timestamp> mtime;
  std::optional<uint64_t> size_bytes;
};

struct StageStatus {
  uint64_t num_files = 0;
  uint64_t num_directories = 0;
  uint64_t num_symlinks = 0;
  uint64_t file_bytes = 0;
  uint64_t num_changes = 0;  // operations since the last commit
  uint64_t dead_bytes = 0;   // of files overwritten or removed, still in the page file
  uint64_t journal_bytes = 0;
  uint64_t tree_memory_bytes = 0;
  uint64_t buffered_bytes = 0;
  uint64_t generation = 0;
};

class StagingCommit;

// Any thread may call anything.  Errors carry the errno a system call would have failed with.
//
// Whatever returns a StageAttr of a node by name counts as one lookup of it: the node lives, named
// or not, until Forget() took all of them back.
class StagingArea {
 public:
  // `io` must outlive it.
  // Errors: kBusy         somebody else works here
  //         kNotFound     no work area, and it may not be created; no directory to create it in
  //         kUnsupported  a work area of another version; a dataset that is not one file per sample
  //                       (made by FFCV, or of several fields)
  //         kChanged      OUT.beton is not what the work area began with
  //         kCorrupt, kTruncated, kPermission, kNoSpace, kIo
  static Result<std::unique_ptr<StagingArea>> Open(StageIo& io, const StageOptions& options,
                                                   ResumeReport& report);
  // Removes the work area and all that is in it.  Error kBusy as Open; fine if there is none.
  static Status Discard(const std::string& beton_path);
  static std::string DirOf(const std::string& beton_path) { return beton_path + ".stage"; }
  ~StagingArea();

  // ---- Names
  Result<std::optional<StageAttr>> Lookup(StageIno dir, std::string_view name);
  void Forget(StageIno ino, uint64_t num_lookups);
  Result<StageAttr> MakeDirectory(StageIno dir, std::string_view name, uint16_t mode);
  Result<StageAttr> MakeFile(StageIno dir, std::string_view name, uint16_t mode);  // mknod
  Result<StageAttr> MakeSymlink(StageIno dir, std::string_view name, std::string_view target);
  Result<StageAttr> Link(StageIno ino, StageIno dir, std::string_view name);
  Status Unlink(StageIno dir, std::string_view name);
  Status RemoveDirectory(StageIno dir, std::string_view name);
  Status Rename(StageIno from_dir, std::string_view from, StageIno to_dir, std::string_view to,
                bool may_replace);
  Result<std::string> ReadLink(StageIno ino);

  // ---- Attributes
  Result<StageAttr> GetAttr(StageIno ino);
  Result<StageAttr> SetAttr(StageIno ino, const StageChanges& changes);

  // ---- Listing: ids first, each looked up when its turn comes.
  Result<std::vector<uint32_t>> List(StageIno dir);
  struct Child {
    std::string name;
    StageAttr attr;
  };
  // nullopt if it is gone by now.  Counts as a lookup only if `remember`.
  std::optional<Child> ChildOf(StageIno dir, uint32_t id, bool remember);
  StageIno ParentOf(StageIno dir);

  // ---- Bytes
  // Creates and opens for writing, or opens what is there.  Error EEXIST if it is and `exclusive`.
  Result<StageAttr> Create(StageIno dir, std::string_view name, uint16_t mode, bool exclusive);
  // Every successful OpenForWriting and Create is owed one Release.
  Status OpenForWriting(StageIno ino, bool truncate);
  Status Write(StageIno ino, uint64_t offset, Bytes bytes);
  // close(2) waits for this: seals what was written.
  Status Flush(StageIno ino);
  // Only frees, unless something was written since the last Flush (an unmapped mmap).
  Status Release(StageIno ino);
  // fsync: this file, and with it all that was sealed before, is on the disk.
  Status Sync(StageIno ino);
  Status SyncAll();
  // Calls use(bytes) with up to `size` bytes of the file; `buffer` lends memory where they cannot
  // be shown in place.  `use` must not come back here.
  template <class Use>
  Status Read(StageIno ino, uint64_t offset, uint64_t size, std::vector<std::byte>& buffer,
              Use use);
  // copy_file_range; returns how much was copied, 0 at the end of the source.
  Result<uint64_t> CopyRange(StageIno from, uint64_t from_offset, StageIno to, uint64_t to_offset,
                             uint64_t size);

  StageStatus Figures();
  bool HasChanges() { return Figures().num_changes > 0; }  // since the last commit
  // The end of a session: a work area in which nothing is left (no changes, and nothing that the
  // dataset does not hold) is removed.
  static Status Close(std::unique_ptr<StagingArea> area);
  const std::string& beton_path() const { return options_.beton_path; }
  const std::string& dir() const { return store_.dir(); }

 private:
  friend class StagingCommit;
  friend class StagingRecovery;

  struct OpenFile {
    std::shared_ptr<StagingFile> file;
    uint64_t num_writers = 0;
  };
  using SharedFile = std::shared_ptr<StagingFile>;

  StagingArea(StageIo& io, StageOptions options);

  // With tree_mutex_ held.
  StageAttr AttrOf(StageIno ino) const;
  StageAttr Remember(StageIno ino);
  Status CheckExists(StageIno ino) const;
  Status BeginChange();  // room in the journal, so that what follows cannot fail for it
  void Log(JournalKind kind, std::string_view path, std::string_view second = {});
  void LogNode(JournalKind kind, StageIno ino);
  void LetGo(StageIno ino);  // frees the node if nothing holds it
  void Bury(const Content& content);
  SharedFile FindFile(StageIno ino) const;
  SharedFile Acquire(StageIno ino);
  static Timestamp Now();
  // Runs `body` with tree_mutex_ held and room in the journal, then writes the journal.
  template <class Body>
  Status Change(Body body);
  template <class Body>
  Result<StageAttr> ChangeAndAnswer(Body body);  // the same for a body that returns a StageIno

  // With the file's mutex held.
  Status SealLocked(StageIno ino, StagingFile& file);
  Status WriteLocked(StageIno ino, StagingFile& file, uint64_t offset, Bytes bytes);
  Status TruncateLocked(StageIno ino, StagingFile& file, uint64_t size_bytes);

  // With nothing held.
  Result<SharedFile> OpenedFile(StageIno ino);  // nullptr: not open for writing
  Status ReleaseWriter(StageIno ino, const SharedFile& file);
  Status SyncSpills();
  Status Reclaim();  // dead bytes become free space
  void ReclaimIfWorthwhile();
  Status CheckpointIfWorthwhile();
  template <class Attempt>
  Status WithRoom(Attempt attempt);  // once more after Reclaim(), if there was no room

  StageOptions options_;
  UniqueFd lock_;
  // Locks are taken in this order: changes_, a file's mutex, contents_, tree_mutex_.
  FreezeGate changes_;     // shared by whoever changes something, taken by commit
  FreezeGate contents_;    // shared by readers, taken when files are exchanged or zeroed
  std::mutex tree_mutex_;  // guards what follows
  StagingTree tree_;
  StagingStore store_;
  std::unique_ptr<JournalWriter> journal_;
  uint64_t generation_ = 1;
  std::unordered_map<uint32_t, OpenFile> files_;  // open for writing
  std::unordered_set<uint64_t> unsynced_spills_;  // written to since the last sync
  std::vector<Content> dead_;
  uint64_t dead_bytes_ = 0;       // of dead_
  uint64_t reclaimed_bytes_ = 0;  // since the last commit
  uint64_t num_changes_ = 0;      // since the last commit
  bool has_extras_ = false;       // the tree has entries that the dataset does not hold
};

template <class Attempt>
Status StagingArea::WithRoom(Attempt attempt) {
  Status done = attempt();
  if (done || done.error().kind != ErrorKind::kNoSpace) return done;
  if (Status reclaimed = Reclaim(); !reclaimed) return done;
  return attempt();
}

template <class Use>
Status StagingArea::Read(StageIno ino, uint64_t offset, uint64_t size,
                         std::vector<std::byte>& buffer, Use use) {
  while (true) {
    SharedFile file;
    {
      const std::lock_guard tree_lock(tree_mutex_);
      RETURN_IF_ERROR(CheckExists(ino));
      if (tree_.At(ino).kind != NodeKind::kFile) return FailErrno("read", EISDIR);
      file = FindFile(ino);
    }
    if (file) {
      const std::lock_guard file_lock(file->mutex());
      const std::shared_lock contents(contents_);
      ASSIGN_OR_RETURN(const Bytes bytes, file->Read(offset, size, buffer));
      use(bytes);
      return {};
    }
    const std::shared_lock contents(contents_);
    Content content;
    {
      const std::lock_guard tree_lock(tree_mutex_);
      RETURN_IF_ERROR(CheckExists(ino));
      if (FindFile(ino)) continue;  // opened for writing just now: ask the open file
      content = tree_.At(ino).content;
    }
    size = offset >= content.size ? 0 : std::min(size, content.size - offset);
    if (const auto view = store_.View(content)) {
      use(size == 0 ? Bytes() : view->subspan(offset, size));
      return {};
    }
    buffer.resize(size);
    RETURN_IF_ERROR(store_.Read(content, offset, buffer));
    use(Bytes(buffer));
    return {};
  }
}

}  // namespace betonfs
