// Names and attributes.  Bytes are in staging_bytes.cc, opening in staging_recovery.cc.
#include "core/staging_area.h"

#include <time.h>

#include <utility>

#include "core/staging_checkpoint.h"
#include "core/staging_recovery.h"
#include "core/text.h"

namespace betonfs {
namespace {

constexpr uint64_t kReclaimWorthwhileBytes = 256u << 20;
constexpr uint64_t kCheckpointWorthwhileBytes = 64u << 20;
// What a record takes that recreates one file: frame, fixed fields and a path.
constexpr uint64_t kTypicalRecordSizeBytes = 120;

}  // namespace

StagingArea::StagingArea(StageIo& io, StageOptions options)
    : options_(std::move(options)), store_(io, DirOf(options_.beton_path)) {}

StagingArea::~StagingArea() {
  for (auto& [ino, open] : files_) {
    const std::lock_guard file_lock(open.file->mutex());
    (void)SealLocked(StageIno{ino}, *open.file);
  }
  if (journal_) (void)journal_->Flush();
}

Timestamp StagingArea::Now() {
  timespec now{};
  // The clock that local file systems stamp with: reading it costs nothing, and times here and
  // there compare.
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return {now.tv_sec, static_cast<uint32_t>(now.tv_nsec)};
}

// ---- What every operation does ------------------------------------------------------------------

Status StagingArea::CheckExists(StageIno ino) const {
  if (!tree_.Exists(Number(ino))) return FailErrno(Cat("inode ", Number(ino)), ESTALE);
  return {};
}

StageAttr StagingArea::AttrOf(StageIno ino) const {
  const StageNode& node = tree_.At(ino);
  return {ino, node.kind, node.mode, node.nlink, node.content.size, node.mtime, node.ctime};
}

StageAttr StagingArea::Remember(StageIno ino) {
  ++tree_.At(ino).num_lookups;
  return AttrOf(ino);
}

Status StagingArea::BeginChange() {
  ++num_changes_;
  return journal_->Reserve();
}

void StagingArea::Log(JournalKind kind, std::string_view path, std::string_view second) {
  JournalRecord record;
  record.kind = kind;
  record.mtime = Now();
  record.path = path;
  record.second = second;
  journal_->Append(record);
}

// A node without a name needs no record: nothing of it outlives this process.
void StagingArea::LogNode(JournalKind kind, StageIno ino) {
  const StageNode& node = tree_.At(ino);
  if (node.nlink == 0) return;
  const std::string path = tree_.PathOf(ino);
  journal_->Append(RecordOf(kind, node, path));
}

template <class Body>
Status StagingArea::Change(Body body) {
  const std::shared_lock changes(changes_);
  const Status done = WithRoom([&]() -> Status {
    const std::lock_guard tree_lock(tree_mutex_);
    RETURN_IF_ERROR(BeginChange());
    return body();
  });
  if (!done) return tl::unexpected(done.error());
  return WithRoom([&] { return journal_->Flush(); });
}

template <class Body>
Result<StageAttr> StagingArea::ChangeAndAnswer(Body body) {
  StageAttr attr;
  const Status done = Change([&]() -> Status {
    ASSIGN_OR_RETURN(const StageIno ino, body());
    attr = Remember(ino);
    return {};
  });
  if (!done) return tl::unexpected(done.error());
  return attr;
}

void StagingArea::Bury(const Content& content) {
  if (content.where != Where::kPages && content.where != Where::kSpill) return;
  dead_.push_back(content);
  dead_bytes_ += content.size;
}

void StagingArea::LetGo(StageIno ino) {
  const Content content = tree_.At(ino).content;
  const bool is_file = tree_.At(ino).kind == NodeKind::kFile;
  if (tree_.Drop(ino) && is_file) Bury(content);
}

// ---- Names --------------------------------------------------------------------------------------

Result<std::optional<StageAttr>> StagingArea::Lookup(StageIno dir, std::string_view name) {
  const std::lock_guard tree_lock(tree_mutex_);
  RETURN_IF_ERROR(CheckExists(dir));
  if (name.size() > kMaxNameSizeBytes) return FailErrno(std::string(name), ENAMETOOLONG);
  ASSIGN_OR_RETURN(const auto ino, tree_.Find(dir, name));
  if (!ino) return std::nullopt;
  return Remember(*ino);
}

void StagingArea::Forget(StageIno ino, uint64_t num_lookups) {
  const std::lock_guard tree_lock(tree_mutex_);
  if (ino == kStageRoot || !tree_.Exists(Number(ino))) return;
  uint32_t& known = tree_.At(ino).num_lookups;
  known -= static_cast<uint32_t>(std::min<uint64_t>(known, num_lookups));
  if (known == 0 && !files_.contains(Number(ino))) LetGo(ino);
}

Result<StageAttr> StagingArea::MakeDirectory(StageIno dir, std::string_view name, uint16_t mode) {
  return ChangeAndAnswer([&]() -> Result<StageIno> {
    RETURN_IF_ERROR(CheckExists(dir));
    ASSIGN_OR_RETURN(const StageIno ino, tree_.Make(dir, name, NodeKind::kDirectory, mode, Now()));
    LogNode(JournalKind::kMakeDirectory, ino);
    return ino;
  });
}

Result<StageAttr> StagingArea::MakeFile(StageIno dir, std::string_view name, uint16_t mode) {
  return ChangeAndAnswer([&]() -> Result<StageIno> {
    RETURN_IF_ERROR(CheckExists(dir));
    ASSIGN_OR_RETURN(const StageIno ino, tree_.Make(dir, name, NodeKind::kFile, mode, Now()));
    LogNode(JournalKind::kCreate, ino);
    return ino;
  });
}

Result<StageAttr> StagingArea::MakeSymlink(StageIno dir, std::string_view name,
                                           std::string_view target) {
  return ChangeAndAnswer([&]() -> Result<StageIno> {
    RETURN_IF_ERROR(CheckExists(dir));
    ASSIGN_OR_RETURN(const StageIno ino, tree_.MakeSymlink(dir, name, target, Now()));
    Log(JournalKind::kSymlink, tree_.PathOf(ino), target);
    return ino;
  });
}

Result<StageAttr> StagingArea::Link(StageIno ino, StageIno dir, std::string_view name) {
  return ChangeAndAnswer([&]() -> Result<StageIno> {
    RETURN_IF_ERROR(CheckExists(ino));
    RETURN_IF_ERROR(CheckExists(dir));
    const std::string path = tree_.PathOf(ino);
    RETURN_IF_ERROR(tree_.Link(ino, dir, name, Now()));
    Log(JournalKind::kLink, path, tree_.PathOf(dir, name));
    return ino;
  });
}

Status StagingArea::Unlink(StageIno dir, std::string_view name) {
  Status removed = Change([&]() -> Status {
    RETURN_IF_ERROR(CheckExists(dir));
    ASSIGN_OR_RETURN(const StageIno ino, tree_.Unlink(dir, name, Now()));
    Log(JournalKind::kRemove, tree_.PathOf(dir, name));
    if (!files_.contains(Number(ino))) LetGo(ino);
    return {};
  });
  ReclaimIfWorthwhile();
  return removed;
}

Status StagingArea::RemoveDirectory(StageIno dir, std::string_view name) {
  return Change([&]() -> Status {
    RETURN_IF_ERROR(CheckExists(dir));
    ASSIGN_OR_RETURN(const StageIno ino, tree_.RemoveDirectory(dir, name, Now()));
    Log(JournalKind::kRemoveDirectory, tree_.PathOf(dir, name));
    LetGo(ino);
    return {};
  });
}

Status StagingArea::Rename(StageIno from_dir, std::string_view from, StageIno to_dir,
                           std::string_view to, bool may_replace) {
  return Change([&]() -> Status {
    RETURN_IF_ERROR(CheckExists(from_dir));
    RETURN_IF_ERROR(CheckExists(to_dir));
    const std::string from_path = tree_.PathOf(from_dir, from);
    ASSIGN_OR_RETURN(const auto replaced,
                     tree_.Rename(from_dir, from, to_dir, to, may_replace, Now()));
    // A moved directory takes to_dir's path nowhere: it cannot be inside itself.
    Log(JournalKind::kRename, from_path, tree_.PathOf(to_dir, to));
    if (replaced && !files_.contains(Number(*replaced))) LetGo(*replaced);
    return {};
  });
}

Result<std::string> StagingArea::ReadLink(StageIno ino) {
  const std::lock_guard tree_lock(tree_mutex_);
  RETURN_IF_ERROR(CheckExists(ino));
  if (tree_.At(ino).kind != NodeKind::kSymlink) return FailErrno("readlink", EINVAL);
  return tree_.SymlinkTarget(ino);
}

// ---- Attributes and listing ---------------------------------------------------------------------

Result<StageAttr> StagingArea::GetAttr(StageIno ino) {
  const std::lock_guard tree_lock(tree_mutex_);
  RETURN_IF_ERROR(CheckExists(ino));
  return AttrOf(ino);
}

Result<StageAttr> StagingArea::SetAttr(StageIno ino, const StageChanges& changes) {
  if (changes.size_bytes) {
    const std::shared_lock freeze(changes_);
    SharedFile file;
    {
      const std::lock_guard tree_lock(tree_mutex_);
      RETURN_IF_ERROR(CheckExists(ino));
      if (tree_.At(ino).kind == NodeKind::kDirectory) return FailErrno("truncate", EISDIR);
      if (tree_.At(ino).kind != NodeKind::kFile) return FailErrno("truncate", EINVAL);
      file = Acquire(ino);
    }
    Status done;
    {
      const std::lock_guard file_lock(file->mutex());
      done = TruncateLocked(ino, *file, *changes.size_bytes);
    }
    const Status released = ReleaseWriter(ino, file);
    RETURN_IF_ERROR(done);
    RETURN_IF_ERROR(released);
    RETURN_IF_ERROR(journal_->Flush());
  }
  const std::shared_lock freeze(changes_);
  const std::lock_guard tree_lock(tree_mutex_);
  RETURN_IF_ERROR(CheckExists(ino));
  if (!changes.mode && !changes.mtime) return AttrOf(ino);
  RETURN_IF_ERROR(BeginChange());
  StageNode& node = tree_.At(ino);
  if (changes.mode) node.mode = *changes.mode & 07777;
  if (changes.mtime) node.mtime = *changes.mtime;
  node.ctime = Now();
  LogNode(JournalKind::kAttributes, ino);
  // A file that is open for writing is written to the journal when it is closed.
  if (!files_.contains(Number(ino))) RETURN_IF_ERROR(journal_->Flush());
  return AttrOf(ino);
}

Result<std::vector<uint32_t>> StagingArea::List(StageIno dir) {
  const std::lock_guard tree_lock(tree_mutex_);
  RETURN_IF_ERROR(CheckExists(dir));
  if (tree_.At(dir).kind != NodeKind::kDirectory) return FailErrno("readdir", ENOTDIR);
  return tree_.ChildIds(dir);
}

std::optional<StagingArea::Child> StagingArea::ChildOf(StageIno dir, uint32_t id, bool remember) {
  const std::lock_guard tree_lock(tree_mutex_);
  const auto entry = tree_.EntryOf(dir, id);
  if (!entry) return std::nullopt;
  return Child{std::string(entry->name), remember ? Remember(entry->ino) : AttrOf(entry->ino)};
}

StageIno StagingArea::ParentOf(StageIno dir) {
  const std::lock_guard tree_lock(tree_mutex_);
  return tree_.Exists(Number(dir)) ? tree_.ParentOf(dir) : kStageRoot;
}

// ---- Upkeep -------------------------------------------------------------------------------------

// The journal must no longer lead to the dead bytes, even after a power cut, before they go.
Status StagingArea::Reclaim() {
  std::vector<Content> dead;
  {
    const std::lock_guard tree_lock(tree_mutex_);
    dead.swap(dead_);
    reclaimed_bytes_ += std::exchange(dead_bytes_, 0);
  }
  if (dead.empty()) return FailErrno("nothing to reclaim", ENOSPC);
  RETURN_IF_ERROR(store_.io().Sync(store_.pages().fd(), store_.pages().path()));
  RETURN_IF_ERROR(journal_->Sync());
  const std::unique_lock contents(contents_);  // a reader may still be copying one of them
  for (const Content& content : dead) {
    if (content.where == Where::kSpill) {
      RETURN_IF_ERROR(store_.io().Remove(store_.SpillPath(content.offset)));
    } else {
      RETURN_IF_ERROR(store_.io().Zero(store_.pages().fd(), {content.offset, content.size},
                                       store_.pages().path()));
    }
  }
  return {};
}

void StagingArea::ReclaimIfWorthwhile() {
  const std::shared_lock changes(changes_);
  {
    const std::lock_guard tree_lock(tree_mutex_);
    if (dead_bytes_ < kReclaimWorthwhileBytes) return;
  }
  (void)Reclaim();  // what fails is tried again by commit
}

Status StagingArea::CheckpointIfWorthwhile() {
  const auto worthwhile = [&] {
    const std::lock_guard tree_lock(tree_mutex_);
    const uint64_t live = (tree_.num_files() + tree_.num_directories()) * kTypicalRecordSizeBytes;
    return journal_->size_bytes() > kCheckpointWorthwhileBytes + 4 * live;
  };
  {
    const std::shared_lock changes(changes_);
    if (!worthwhile()) return {};
  }
  const std::unique_lock changes(changes_);
  if (!worthwhile()) return {};  // another thread was here meanwhile
  const std::lock_guard tree_lock(tree_mutex_);
  return StagingRecovery::Checkpoint(*this);
}

StageStatus StagingArea::Figures() {
  const std::shared_lock changes(changes_);
  const std::lock_guard tree_lock(tree_mutex_);
  StageStatus status;
  status.num_files = tree_.num_files();
  status.num_directories = tree_.num_directories();
  status.num_symlinks = tree_.num_symlinks();
  tree_.ForEachNode([&](StageIno, const StageNode& node) {
    if (node.kind == NodeKind::kFile && node.nlink > 0) status.file_bytes += node.content.size;
  });
  status.num_changes = num_changes_;
  status.dead_bytes = dead_bytes_;
  status.journal_bytes = journal_->size_bytes();
  status.tree_memory_bytes = tree_.memory_bytes();
  status.buffered_bytes = store_.buffered_bytes();
  status.generation = generation_;
  return status;
}

}  // namespace betonfs
