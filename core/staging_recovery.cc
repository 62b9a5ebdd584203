#include "core/staging_recovery.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <set>
#include <unordered_set>

#include "core/block_checks.h"
#include "core/staging_base.h"
#include "core/text.h"

namespace betonfs {
namespace {

// "journal.12" with prefix "journal." is 12.
std::optional<uint64_t> NumberAfter(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

Result<std::vector<std::string>> NamesIn(const std::string& dir) {
  DIR* stream = opendir(dir.c_str());
  if (!stream) return FailErrno(dir, errno);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(stream)) names.emplace_back(entry->d_name);
  closedir(stream);
  return names;
}

}  // namespace

BaseIdentity IdentityOf(Bytes beton_file) {
  RawHeader header;
  const auto head = Slice(beton_file, 0, sizeof header);
  if (!head) return {beton_file.size(), 0};
  std::memcpy(&header, head->data(), sizeof header);
  std::string text(AsText(*head));
  const uint64_t table = header.alloc_table_offset;
  if (table >= sizeof(RawTrailer)) {
    if (const auto tail = Slice(beton_file, table - sizeof(RawTrailer), sizeof(RawTrailer))) {
      text += AsText(*tail);
    }
  }
  return {beton_file.size(), Xxh3(AsBytes(text))};
}

std::string StagingRecovery::JournalPath(const StagingArea& area, uint64_t generation) {
  return Cat(area.dir(), "/journal.", generation);
}

std::string StagingRecovery::PagesPath(const StagingArea& area, uint64_t generation) {
  return Cat(area.dir(), "/pages.", generation);
}

uint64_t StagingRecovery::FirstPageOffset(const Dataset* base, uint32_t page_size_bytes) {
  const uint64_t reserved = page_size_bytes;
  if (!base) return reserved;
  return std::max(reserved, AlignUp(base->pages().offset + base->pages().size, page_size_bytes));
}

BaseIdentity StagingRecovery::IdentityNow(const StagingArea& area) {
  const auto& base = area.store_.base();
  return base ? IdentityOf(base->bytes()) : BaseIdentity();
}

Result<JournalHeader> StagingRecovery::HeaderOf(const std::string& path) {
  ASSIGN_OR_RETURN(const MappedFile journal, MappedFile::Open(path));
  const auto nothing = [](const JournalRecord&, uint64_t) { return false; };
  ASSIGN_OR_RETURN(const JournalReplay replay, ReplayJournal(journal.bytes(), path, nothing));
  return replay.header;
}

// ---- What is there ------------------------------------------------------------------------------

struct StagingRecovery::Found {
  std::set<uint64_t> journals;
  std::set<uint64_t> pages;
  std::set<uint64_t> spills;
  std::vector<std::string> leftovers;  // half-written files
};

Status StagingRecovery::Lock(StagingArea& area, bool& existed) {
  const std::string& dir = area.dir();
  existed = access(dir.c_str(), F_OK) == 0;
  if (!existed) {
    if (!area.options_.may_create) {
      return Fail(ErrorKind::kNotFound, dir + ": there is no work area", ENOENT);
    }
    if (mkdir(dir.c_str(), 0755) != 0) return FailErrno(dir + ": cannot create", errno);
    RETURN_IF_ERROR(area.store_.io().SyncParent(dir));
  }
  ASSIGN_OR_RETURN(area.lock_, OpenFile(dir + "/lock", O_RDWR | O_CREAT, 0644));
  if (flock(area.lock_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return FailErrno(dir + "/lock", errno);
  return Fail(ErrorKind::kBusy, dir + ": this work area is in use by another betonfs", EBUSY);
}

Result<StagingRecovery::Found> StagingRecovery::Look(const StagingArea& area) {
  ASSIGN_OR_RETURN(const auto names, NamesIn(area.dir()));
  Found found;
  for (const std::string& name : names) {
    if (const auto journal = NumberAfter(name, "journal.")) {
      found.journals.insert(*journal);
    } else if (const auto pages = NumberAfter(name, "pages.")) {
      found.pages.insert(*pages);
    } else if (const auto spill = NumberAfter(name, "spill.")) {
      found.spills.insert(*spill);
    } else if (name.ends_with(".new")) {
      found.leftovers.push_back(name);
    }
  }
  return found;
}

Status StagingRecovery::ChooseGeneration(StagingArea& area, Found& found, ResumeReport& report) {
  StageIo& io = area.store_.io();
  uint64_t generation = found.journals.empty() ? 1 : *found.journals.rbegin();
  if (found.journals.contains(generation - 1)) {
    ASSIGN_OR_RETURN(const JournalHeader next, HeaderOf(JournalPath(area, generation)));
    report.finished_commit = next.base == IdentityNow(area);
    if (!report.finished_commit) --generation;  // the rename had not come yet: undo the rest
  }
  area.generation_ = generation;
  for (const uint64_t journal : found.journals) {
    if (journal != generation) RETURN_IF_ERROR(io.Remove(JournalPath(area, journal)));
  }
  for (const uint64_t pages : found.pages) {
    if (pages != generation) RETURN_IF_ERROR(io.Remove(PagesPath(area, pages)));
  }
  for (const std::string& name : found.leftovers) {
    RETURN_IF_ERROR(io.Remove(Cat(area.dir(), "/", name)));
  }
  report.resumed = found.journals.contains(generation);
  return {};
}

// ---- Telling it again ---------------------------------------------------------------------------

class StagingRecovery::Replayer {
 public:
  // `synced_offset`: contents recorded from there on must be looked at; ~0 trusts all of them.
  Replayer(StagingArea& area, const GrowingMap& pages, uint64_t pages_size, uint64_t synced_offset,
           ResumeReport& report)
      : area_(area),
        tree_(area.tree_),
        pages_(pages),
        pages_size_(pages_size),
        synced_offset_(synced_offset),
        report_(report) {}

  // Whether the record makes sense here; the tree is unchanged if not.
  bool Apply(const JournalRecord& record, uint64_t offset);
  uint64_t num_changes() const { return num_changes_; }  // since the dataset

 private:
  struct Place {
    StageIno dir;
    std::string_view name;
  };
  std::optional<Place> PlaceOf(std::string_view path) const;
  bool Make(const JournalRecord& record, NodeKind kind, uint64_t offset);
  bool Seal(const JournalRecord& record, StageIno ino, uint64_t offset);
  bool IsThere(Content& content, bool must_verify) const;

  StagingArea& area_;
  StagingTree& tree_;
  const GrowingMap& pages_;
  uint64_t pages_size_;
  uint64_t synced_offset_;
  ResumeReport& report_;
  uint64_t num_changes_ = 0;
};

std::optional<StagingRecovery::Replayer::Place> StagingRecovery::Replayer::PlaceOf(
    std::string_view path) const {
  const size_t slash = path.rfind('/');
  const bool top = slash == std::string_view::npos;
  const auto dir = tree_.Resolve(top ? std::string_view() : path.substr(0, slash));
  if (!dir || path.empty()) return std::nullopt;
  return Place{*dir, top ? path : path.substr(slash + 1)};
}

// A spill file is as long as it is: it may have been written to since.
bool StagingRecovery::Replayer::IsThere(Content& content, bool must_verify) const {
  switch (content.where) {
    case Where::kNowhere:
      return content.size == 0;
    case Where::kBase:
      return area_.store_.base() &&
             Slice(area_.store_.base()->bytes(), content.offset, content.size).has_value();
    case Where::kPages: {
      if (content.offset > pages_size_ || content.size > pages_size_ - content.offset) return false;
      if (!must_verify) return true;
      const auto bytes = pages_.At({content.offset, content.size});
      return bytes && Xxh3(*bytes) == content.xxh3;
    }
    case Where::kSpill: {
      struct stat info;
      if (stat(area_.store_.SpillPath(content.offset).c_str(), &info) != 0) return false;
      content.size = static_cast<uint64_t>(info.st_size);
      return true;
    }
  }
  return false;
}

bool StagingRecovery::Replayer::Seal(const JournalRecord& record, StageIno ino, uint64_t offset) {
  StageNode& node = tree_.At(ino);
  if (node.kind != NodeKind::kFile) return false;
  Content content = record.content;
  if (IsThere(content, offset >= synced_offset_)) {
    node.content = content;
  } else {
    report_.lost.emplace_back(record.path);  // it keeps what it had before
  }
  node.mtime = node.ctime = record.mtime;
  if (node.times_sealed < 255) ++node.times_sealed;
  return true;
}

bool StagingRecovery::Replayer::Make(const JournalRecord& record, NodeKind kind, uint64_t offset) {
  const auto place = PlaceOf(record.path);
  if (!place) return false;
  if (kind == NodeKind::kSymlink) {
    return tree_.MakeSymlink(place->dir, place->name, record.second, record.mtime).has_value();
  }
  const auto made = tree_.Make(place->dir, place->name, kind, record.mode, record.mtime);
  if (!made) return false;
  if (record.content.where != Where::kNowhere) return Seal(record, *made, offset);
  return true;
}

bool StagingRecovery::Replayer::Apply(const JournalRecord& record, uint64_t offset) {
  const auto ino = tree_.Resolve(record.path);
  const auto place = PlaceOf(record.path);
  if (record.kind != JournalKind::kSynced) ++num_changes_;
  switch (record.kind) {
    case JournalKind::kClear:
      tree_.Clear();
      return true;
    case JournalKind::kSynced:
      return true;
    case JournalKind::kBegun:
      num_changes_ = record.content.size;
      return true;
    case JournalKind::kMakeDirectory:
      return Make(record, NodeKind::kDirectory, offset);
    case JournalKind::kCreate:
      return Make(record, NodeKind::kFile, offset);
    case JournalKind::kSymlink:
      return Make(record, NodeKind::kSymlink, offset);
    case JournalKind::kSeal:
      return ino && Seal(record, *ino, offset);
    case JournalKind::kAttributes:
      if (!ino) return false;
      tree_.At(*ino).mode = record.mode & 07777;
      tree_.At(*ino).mtime = record.mtime;
      return true;
    case JournalKind::kRemove: {
      if (!place) return false;
      const auto removed = tree_.Unlink(place->dir, place->name, record.mtime);
      if (removed) tree_.Drop(*removed);
      return removed.has_value();
    }
    case JournalKind::kRemoveDirectory: {
      if (!place) return false;
      const auto removed = tree_.RemoveDirectory(place->dir, place->name, record.mtime);
      if (removed) tree_.Drop(*removed);
      return removed.has_value();
    }
    case JournalKind::kRename: {
      const auto to = PlaceOf(record.second);
      if (!place || !to) return false;
      const auto replaced =
          tree_.Rename(place->dir, place->name, to->dir, to->name, true, record.mtime);
      if (replaced && *replaced) tree_.Drop(**replaced);
      return replaced.has_value();
    }
    case JournalKind::kLink: {
      const auto to = PlaceOf(record.second);
      return ino && to && tree_.Link(*ino, to->dir, to->name, record.mtime).has_value();
    }
  }
  return false;
}

// ---- Opening ------------------------------------------------------------------------------------

Status StagingRecovery::OpenBase(StagingArea& area) {
  const std::string& path = area.options_.beton_path;
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return {};
  ASSIGN_OR_RETURN(auto dataset, Dataset::Open(path));
  area.store_.SetBase(std::move(dataset));
  return {};
}

Status StagingRecovery::Begin(StagingArea& area) {
  JournalHeader header;
  header.generation = area.generation_;
  header.boot = BootId::Current();
  header.base = IdentityNow(area);
  const std::string path = JournalPath(area, area.generation_);
  ASSIGN_OR_RETURN(area.journal_, JournalWriter::Create(area.store_.io(), path + ".new", header));
  return area.journal_->PutInPlace(path);
}

Status StagingRecovery::Resume(StagingArea& area, const Found& found, ResumeReport& report) {
  const std::string path = JournalPath(area, area.generation_);
  JournalReplay replay;
  {
    ASSIGN_OR_RETURN(const MappedFile journal, MappedFile::Open(path));
    ASSIGN_OR_RETURN(replay.header, HeaderOf(path));
    if (replay.header.base != IdentityNow(area)) {
      return Fail(ErrorKind::kChanged,
                  Cat(area.options_.beton_path, ": not the file that the work area ", area.dir(),
                      " began with; put that back, or drop the changes with betonfs discard"));
    }
    report.rebooted = replay.header.boot != BootId::Current();
    uint64_t synced_offset = ~uint64_t{0};
    if (report.rebooted) {
      ASSIGN_OR_RETURN(synced_offset, SyncedOffset(journal.bytes(), path));
    }
    GrowingMap map;
    uint64_t pages_size = 0;
    if (found.pages.contains(area.generation_)) {
      const std::string pages_path = PagesPath(area, area.generation_);
      ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(pages_path, O_RDONLY));
      ASSIGN_OR_RETURN(const FileIdentity identity, IdentityOf(fd.get(), pages_path));
      pages_size = identity.size_bytes;
      map = GrowingMap::Of(fd.get());
    }
    Replayer replayer(area, map, pages_size, synced_offset, report);
    const auto apply = [&](const JournalRecord& record, uint64_t offset) {
      return replayer.Apply(record, offset);
    };
    ASSIGN_OR_RETURN(replay, ReplayJournal(journal.bytes(), path, apply));
    area.num_changes_ = replayer.num_changes();
  }
  report.num_records = replay.num_records;
  report.damaged_offset = replay.end_offset;
  report.damaged_size_bytes = replay.damaged_size_bytes;
  ASSIGN_OR_RETURN(area.journal_, JournalWriter::Resume(area.store_.io(), path, replay.end_offset));
  return {};
}

Status StagingRecovery::OpenPages(StagingArea& area) {
  uint64_t end = 0;
  uint64_t largest_spill = 0;
  area.tree_.ForEachNode([&](StageIno, const StageNode& node) {
    const Content& content = node.content;
    if (content.where == Where::kPages) end = std::max(end, content.offset + content.size);
    if (content.where == Where::kSpill) largest_spill = std::max(largest_spill, content.offset);
  });
  area.store_.KeepSpillNumbersAbove(largest_spill);
  const uint32_t page_size = area.options_.page_size_bytes;
  ASSIGN_OR_RETURN(auto pages, PageFile::Open(area.store_.io(), PagesPath(area, area.generation_),
                                              FirstPageOffset(area.store_.base().get(), page_size),
                                              end, page_size));
  area.store_.SetPages(std::move(pages));
  return {};
}

Status StagingRecovery::RemoveOrphans(StagingArea& area, const Found& found) {
  std::unordered_set<uint64_t> used;
  area.tree_.ForEachNode([&](StageIno, const StageNode& node) {
    if (node.content.where == Where::kSpill) used.insert(node.content.offset);
  });
  for (const uint64_t spill : found.spills) {
    if (used.contains(spill)) continue;
    RETURN_IF_ERROR(area.store_.io().Remove(area.store_.SpillPath(spill)));
  }
  return {};
}

Status StagingRecovery::Open(StagingArea& area, ResumeReport& report) {
  bool existed = false;
  RETURN_IF_ERROR(Lock(area, existed));
  ASSIGN_OR_RETURN(Found found, Look(area));
  RETURN_IF_ERROR(OpenBase(area));
  RETURN_IF_ERROR(ChooseGeneration(area, found, report));
  if (area.store_.base()) RETURN_IF_ERROR(LoadBaseTree(*area.store_.base(), area.tree_));
  if (report.resumed) {
    RETURN_IF_ERROR(Resume(area, found, report));
  } else {
    RETURN_IF_ERROR(Begin(area));
  }
  RETURN_IF_ERROR(OpenPages(area));
  RETURN_IF_ERROR(RemoveOrphans(area, found));
  report.num_files = area.tree_.num_files();
  area.has_extras_ = report.num_records > 2;  // more than that it has begun
  // After a reboot what was found is written down, so that the next look need not verify it.
  return report.rebooted ? Checkpoint(area) : Status();
}

// ---- Checkpoints --------------------------------------------------------------------------------

namespace {

// Writes the records that make a tree.
class CheckpointWriter {
 public:
  CheckpointWriter(const StagingTree& tree, JournalWriter& journal)
      : tree_(tree), journal_(journal) {}

  Status Directory(StageIno dir, const std::string& path) {
    for (const StageEntry& entry : tree_.Children(dir)) {
      const std::string child = path.empty() ? std::string(entry.name) : Cat(path, "/", entry.name);
      RETURN_IF_ERROR(Node(entry.ino, child));
    }
    // Last: making what is in it has changed its time.
    return Append(JournalKind::kAttributes, dir, path, {});
  }

 private:
  Status Node(StageIno ino, const std::string& path) {
    const StageNode& node = tree_.At(ino);
    if (node.kind == NodeKind::kDirectory) {
      RETURN_IF_ERROR(Append(JournalKind::kMakeDirectory, ino, path, {}));
      return Directory(ino, path);
    }
    if (node.nlink > 1) {
      const auto [first, is_first] = first_names_.emplace(Number(ino), path);
      if (!is_first) return Append(JournalKind::kLink, ino, first->second, path);
    }
    if (node.kind == NodeKind::kSymlink) {
      return Append(JournalKind::kSymlink, ino, path, tree_.SymlinkTarget(ino));
    }
    return Append(JournalKind::kCreate, ino, path, {});
  }

  Status Append(JournalKind kind, StageIno ino, std::string_view path, std::string_view second) {
    const StageNode& node = tree_.At(ino);
    JournalRecord record;
    record.kind = kind;
    record.mode = node.mode;
    record.mtime = node.mtime;
    if (kind == JournalKind::kCreate) record.content = node.content;
    record.path = path;
    record.second = second;
    journal_.Append(record);
    if (++num_appended_ % 10000 == 0) return journal_.Flush();
    return {};
  }

  const StagingTree& tree_;
  JournalWriter& journal_;
  std::unordered_map<uint32_t, std::string> first_names_;
  uint64_t num_appended_ = 0;
};

}  // namespace

Status StagingRecovery::Checkpoint(StagingArea& area) {
  StageIo& io = area.store_.io();
  // It will vouch for all the bytes it names.
  RETURN_IF_ERROR(io.Sync(area.store_.pages().fd(), area.store_.pages().path()));
  JournalHeader header;
  header.generation = area.generation_;
  header.boot = BootId::Current();
  header.base = IdentityNow(area);
  const std::string path = JournalPath(area, area.generation_);
  ASSIGN_OR_RETURN(auto journal, JournalWriter::Create(io, path + ".new", header));
  JournalRecord record;
  record.kind = JournalKind::kClear;
  journal->Append(record);
  RETURN_IF_ERROR(CheckpointWriter(area.tree_, *journal).Directory(kStageRoot, ""));
  record.kind = JournalKind::kBegun;
  record.content.size = area.num_changes_;
  journal->Append(record);
  record.kind = JournalKind::kSynced;
  record.content.offset = journal->size_bytes();
  journal->Append(record);
  RETURN_IF_ERROR(journal->PutInPlace(path));
  area.journal_ = std::move(journal);
  return {};
}

// ---- StagingArea --------------------------------------------------------------------------------

Result<std::unique_ptr<StagingArea>> StagingArea::Open(StageIo& io, const StageOptions& options,
                                                       ResumeReport& report) {
  std::unique_ptr<StagingArea> area(new StagingArea(io, options));
  RETURN_IF_ERROR(StagingRecovery::Open(*area, report));
  return area;
}

Status StagingArea::Close(std::unique_ptr<StagingArea> area) {
  bool is_of_use = true;
  {
    const std::lock_guard tree_lock(area->tree_mutex_);
    is_of_use = area->num_changes_ > 0 || area->has_extras_;
  }
  const std::string beton_path = area->beton_path();
  area.reset();
  return is_of_use ? Status() : Discard(beton_path);
}

Status StagingArea::Discard(const std::string& beton_path) {
  const std::string dir = DirOf(beton_path);
  auto lock = betonfs::OpenFile(dir + "/lock", O_RDWR);
  if (!lock) {
    if (lock.error().kind == ErrorKind::kNotFound && rmdir(dir.c_str()) != 0 && errno == ENOENT) {
      return Fail(ErrorKind::kNotFound, dir + ": there is no work area", ENOENT);
    }
    return lock.error().kind == ErrorKind::kNotFound ? Status() : tl::unexpected(lock.error());
  }
  if (flock(lock->get(), LOCK_EX | LOCK_NB) != 0) {
    return Fail(ErrorKind::kBusy, dir + ": this work area is in use by another betonfs", EBUSY);
  }
  ASSIGN_OR_RETURN(const auto names, NamesIn(dir));
  // Journals first: what is left if this is interrupted is then an empty work area.
  const auto remove = [&](bool journals) -> Status {
    for (const std::string& name : names) {
      if (name == "." || name == ".." || name.starts_with("journal.") != journals) continue;
      const std::string path = Cat(dir, "/", name);
      if (unlink(path.c_str()) != 0) return FailErrno(path + ": cannot remove", errno);
    }
    return {};
  };
  RETURN_IF_ERROR(remove(true));
  RETURN_IF_ERROR(remove(false));
  if (rmdir(dir.c_str()) != 0) return FailErrno(dir + ": cannot remove", errno);
  return {};
}

}  // namespace betonfs
