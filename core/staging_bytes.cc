// The bytes of files: StagingArea's create, open, write, flush, release, sync.
#include <fcntl.h>

#include "core/staging_area.h"
#include "core/text.h"

namespace betonfs {
namespace {

constexpr uint64_t kCopyStepSizeBytes = 1u << 20;
// No file is longer: the largest that ext4 holds.
constexpr uint64_t kMaxStagedFileSizeBytes = (uint64_t{1} << 44) - 4096;

}  // namespace

// ---- Open files ---------------------------------------------------------------------------------

StagingArea::SharedFile StagingArea::FindFile(StageIno ino) const {
  const auto open = files_.find(Number(ino));
  return open == files_.end() ? nullptr : open->second.file;
}

Result<StagingArea::SharedFile> StagingArea::OpenedFile(StageIno ino) {
  const std::lock_guard tree_lock(tree_mutex_);
  RETURN_IF_ERROR(CheckExists(ino));
  return FindFile(ino);
}

StagingArea::SharedFile StagingArea::Acquire(StageIno ino) {
  OpenFile& open = files_[Number(ino)];
  if (!open.file) {
    const StageNode& node = tree_.At(ino);
    open.file = std::make_shared<StagingFile>(store_, node.content, node.times_sealed);
  }
  ++open.num_writers;
  return open.file;
}

Status StagingArea::ReleaseWriter(StageIno ino, const SharedFile& file) {
  {
    const std::lock_guard tree_lock(tree_mutex_);
    const auto open = files_.find(Number(ino));
    if (open == files_.end() || open->second.file != file) return {};
    if (open->second.num_writers > 1) {
      --open->second.num_writers;
      return {};
    }
  }
  Status sealed;
  {
    // The last writer still counts while it seals, so nobody else can begin a second StagingFile.
    const std::lock_guard file_lock(file->mutex());
    sealed = SealLocked(ino, *file);
  }
  const std::lock_guard tree_lock(tree_mutex_);
  const auto open = files_.find(Number(ino));
  if (open == files_.end() || --open->second.num_writers > 0) return sealed;
  // What could not be sealed is lost, and the writer was told: the file is what it was before.
  tree_.At(ino).content = file->sealed();
  files_.erase(open);
  if (tree_.At(ino).nlink == 0 && tree_.At(ino).num_lookups == 0) LetGo(ino);
  return sealed;
}

Result<StageAttr> StagingArea::Create(StageIno dir, std::string_view name, uint16_t mode,
                                      bool exclusive) {
  const std::shared_lock changes(changes_);
  StageAttr attr;
  const Status done = WithRoom([&]() -> Status {
    const std::lock_guard tree_lock(tree_mutex_);
    RETURN_IF_ERROR(CheckExists(dir));
    RETURN_IF_ERROR(BeginChange());
    ASSIGN_OR_RETURN(auto ino, tree_.Find(dir, name));
    if (ino && (exclusive || tree_.At(*ino).kind != NodeKind::kFile)) {
      return FailErrno(std::string(name), EEXIST);
    }
    if (!ino) {
      ASSIGN_OR_RETURN(ino, tree_.Make(dir, name, NodeKind::kFile, mode, Now()));
      // Into memory only: it is written together with the bytes when the file is closed.
      LogNode(JournalKind::kCreate, *ino);
    }
    Acquire(*ino);
    attr = Remember(*ino);
    return {};
  });
  if (!done) return tl::unexpected(done.error());
  return attr;
}

Status StagingArea::OpenForWriting(StageIno ino, bool truncate) {
  const std::shared_lock changes(changes_);
  SharedFile file;
  {
    const std::lock_guard tree_lock(tree_mutex_);
    RETURN_IF_ERROR(CheckExists(ino));
    if (tree_.At(ino).kind == NodeKind::kDirectory) return FailErrno("open", EISDIR);
    if (tree_.At(ino).kind != NodeKind::kFile) return FailErrno("open", ELOOP);
    file = Acquire(ino);
  }
  if (!truncate) return {};
  Status done;
  {
    const std::lock_guard file_lock(file->mutex());
    done = TruncateLocked(ino, *file, 0);
  }
  if (!done) (void)ReleaseWriter(ino, file);
  return done;
}

// ---- Writing ------------------------------------------------------------------------------------

Status StagingArea::WriteLocked(StageIno ino, StagingFile& file, uint64_t offset, Bytes bytes) {
  if (offset > kMaxStagedFileSizeBytes || bytes.size() > kMaxStagedFileSizeBytes - offset) {
    return FailErrno("write", EFBIG);
  }
  if (bytes.empty()) return {};
  RETURN_IF_ERROR(WithRoom([&] { return file.Write(offset, bytes); }));
  const std::lock_guard tree_lock(tree_mutex_);
  StageNode& node = tree_.At(ino);
  node.content.size = file.size_bytes();
  node.mtime = node.ctime = Now();
  return {};
}

Status StagingArea::TruncateLocked(StageIno ino, StagingFile& file, uint64_t size_bytes) {
  if (size_bytes > kMaxStagedFileSizeBytes) return FailErrno("truncate", EFBIG);
  RETURN_IF_ERROR(WithRoom([&] { return file.Truncate(size_bytes); }));
  const std::lock_guard tree_lock(tree_mutex_);
  StageNode& node = tree_.At(ino);
  node.content.size = file.size_bytes();
  node.mtime = node.ctime = Now();
  // Size or not, the time has changed, and a file that is not dirty will not be sealed.
  if (!file.dirty()) {
    RETURN_IF_ERROR(BeginChange());
    LogNode(JournalKind::kAttributes, ino);
  }
  return {};
}

Status StagingArea::Write(StageIno ino, uint64_t offset, Bytes bytes) {
  const std::shared_lock changes(changes_);
  ASSIGN_OR_RETURN(const SharedFile file, OpenedFile(ino));
  if (!file) return FailErrno("write", EBADF);
  const std::lock_guard file_lock(file->mutex());
  return WriteLocked(ino, *file, offset, bytes);
}

Result<uint64_t> StagingArea::CopyRange(StageIno from, uint64_t from_offset, StageIno to,
                                        uint64_t to_offset, uint64_t size) {
  std::vector<std::byte> buffer;
  uint64_t copied = 0;
  while (copied < size) {
    std::vector<std::byte> part;
    const uint64_t step = std::min(size - copied, kCopyStepSizeBytes);
    RETURN_IF_ERROR(Read(from, from_offset + copied, step, buffer,
                         [&](Bytes bytes) { part.assign(bytes.begin(), bytes.end()); }));
    if (part.empty()) break;
    if (Status written = Write(to, to_offset + copied, part); !written) {
      if (copied > 0) break;
      return tl::unexpected(written.error());
    }
    copied += part.size();
  }
  return copied;
}

// ---- Sealing ------------------------------------------------------------------------------------

Status StagingArea::SealLocked(StageIno ino, StagingFile& file) {
  if (!file.dirty()) return {};
  Content content;
  const Status done = WithRoom([&]() -> Status {
    {
      const std::lock_guard tree_lock(tree_mutex_);
      RETURN_IF_ERROR(BeginChange());
    }
    ASSIGN_OR_RETURN(content, file.Seal());
    return {};
  });
  if (!done) return tl::unexpected(done.error());
  const std::lock_guard tree_lock(tree_mutex_);
  StageNode& node = tree_.At(ino);
  const Content before = file.sealed();
  const bool moved = before.where != content.where || before.offset != content.offset;
  if (moved && before.size > 0) Bury(before);
  file.MarkSealed(content);
  node.content = content;
  if (content.where == Where::kSpill) unsynced_spills_.insert(content.offset);
  if (node.times_sealed < 255) ++node.times_sealed;
  LogNode(JournalKind::kSeal, ino);
  return {};
}

Status StagingArea::Flush(StageIno ino) {
  {
    const std::shared_lock changes(changes_);
    ASSIGN_OR_RETURN(const SharedFile file, OpenedFile(ino));
    if (!file) return {};
    {
      const std::lock_guard file_lock(file->mutex());
      RETURN_IF_ERROR(SealLocked(ino, *file));
    }
    RETURN_IF_ERROR(WithRoom([&] { return journal_->Flush(); }));
  }
  return CheckpointIfWorthwhile();
}

Status StagingArea::Release(StageIno ino) {
  {
    const std::shared_lock changes(changes_);
    ASSIGN_OR_RETURN(const SharedFile file, OpenedFile(ino));
    if (!file) return {};
    RETURN_IF_ERROR(ReleaseWriter(ino, file));
    RETURN_IF_ERROR(journal_->Flush());
  }
  ReclaimIfWorthwhile();
  return {};
}

Status StagingArea::SyncSpills() {
  std::unordered_set<uint64_t> spills;
  {
    const std::lock_guard tree_lock(tree_mutex_);
    spills.swap(unsynced_spills_);
  }
  Status synced;
  for (const uint64_t spill : spills) {
    const auto fd = store_.OpenSpill(spill, O_RDWR);
    if (!fd && fd.error().kind == ErrorKind::kNotFound) continue;  // removed meanwhile
    synced = fd ? store_.io().Sync(fd->get(), store_.SpillPath(spill)) : tl::unexpected(fd.error());
    if (!synced) break;
  }
  if (synced && !spills.empty()) synced = store_.io().SyncParent(store_.SpillPath(0));
  if (!synced) {  // all of them again next time
    const std::lock_guard tree_lock(tree_mutex_);
    unsynced_spills_.merge(spills);
  }
  return synced;
}

// Data first, then the record that says so.  What is sealed meanwhile lies behind `synced_offset`.
Status StagingArea::SyncAll() {
  const std::shared_lock changes(changes_);
  RETURN_IF_ERROR(journal_->Flush());
  const uint64_t synced_offset = journal_->size_bytes();
  RETURN_IF_ERROR(store_.io().Sync(store_.pages().fd(), store_.pages().path()));
  RETURN_IF_ERROR(SyncSpills());
  {
    const std::lock_guard tree_lock(tree_mutex_);
    RETURN_IF_ERROR(journal_->Reserve());
    JournalRecord record;
    record.kind = JournalKind::kSynced;
    record.content.offset = synced_offset;
    journal_->Append(record);
  }
  return journal_->Sync();
}

Status StagingArea::Sync(StageIno ino) {
  {
    const std::shared_lock changes(changes_);
    ASSIGN_OR_RETURN(const SharedFile file, OpenedFile(ino));
    if (file) {
      const std::lock_guard file_lock(file->mutex());
      RETURN_IF_ERROR(SealLocked(ino, *file));
      RETURN_IF_ERROR(file->SyncSpill());
    }
  }
  return SyncAll();
}

}  // namespace betonfs
