#include "core/staging_recovery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "core/block_checks.h"
#include "core/staging_base.h"
#include "core/staging_checkpoint.h"
#include "core/staging_replay.h"
#include "core/text.h"

namespace betonfs {

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

Status StagingRecovery::Lock(StagingArea& area) {
  const std::string& dir = area.dir();
  if (access(dir.c_str(), F_OK) != 0) {
    if (!area.options_.may_create) {
      return Fail(ErrorKind::kNotFound, dir + ": there is no work area", ENOENT);
    }
    if (mkdir(dir.c_str(), 0755) != 0) return FailErrno(dir + ": cannot create", errno);
    RETURN_IF_ERROR(area.store_.io().SyncParent(dir));
  }
  ASSIGN_OR_RETURN(area.lock_, LockWorkArea(dir));
  return {};
}

Status StagingRecovery::ChooseGeneration(StagingArea& area, const WorkAreaFiles& found,
                                         ResumeReport& report) {
  StageIo& io = area.store_.io();
  uint64_t generation = found.journals.empty() ? 1 : *found.journals.rbegin();
  if (found.journals.contains(generation - 1)) {
    ASSIGN_OR_RETURN(const JournalHeader next, HeaderOf(JournalPath(area.dir(), generation)));
    report.finished_commit = next.base == IdentityNow(area);
    if (!report.finished_commit) --generation;  // the rename had not come yet: undo the rest
  }
  area.generation_ = generation;
  for (const uint64_t journal : found.journals) {
    if (journal != generation) RETURN_IF_ERROR(io.Remove(JournalPath(area.dir(), journal)));
  }
  for (const uint64_t pages : found.pages) {
    if (pages != generation) RETURN_IF_ERROR(io.Remove(PagesPath(area.dir(), pages)));
  }
  for (const std::string& path : found.leftovers) RETURN_IF_ERROR(io.Remove(path));
  report.resumed = found.journals.contains(generation);
  return {};
}

// ---- Opening ------------------------------------------------------------------------------------

Status StagingRecovery::OpenBase(StagingArea& area) {
  const std::string& path = area.options_.beton_path;
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return {};
  ASSIGN_OR_RETURN(auto dataset, Dataset::Open(path));
  area.store_.SetBase(std::move(dataset));
  return {};
}

JournalHeader StagingRecovery::HeaderNow(const StagingArea& area) {
  return {area.generation_, IdentityNow(area), BootId::Current()};
}

Status StagingRecovery::Begin(StagingArea& area) {
  const std::string path = JournalPath(area.dir(), area.generation_);
  ASSIGN_OR_RETURN(area.journal_,
                   JournalWriter::Create(area.store_.io(), path + ".new", HeaderNow(area)));
  return area.journal_->PutInPlace(path);
}

Status StagingRecovery::Resume(StagingArea& area, const WorkAreaFiles& found,
                               ResumeReport& report) {
  const std::string path = JournalPath(area.dir(), area.generation_);
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
      const std::string pages_path = PagesPath(area.dir(), area.generation_);
      ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(pages_path, O_RDONLY));
      ASSIGN_OR_RETURN(const FileIdentity identity, IdentityOf(fd.get(), pages_path));
      pages_size = identity.size_bytes;
      map = GrowingMap::Of(fd.get());
    }
    StagingReplayer replayer(area.tree_, area.store_, map, pages_size, synced_offset);
    const auto apply = [&](const JournalRecord& record, uint64_t offset) {
      return replayer.Apply(record, offset);
    };
    ASSIGN_OR_RETURN(replay, ReplayJournal(journal.bytes(), path, apply));
    area.num_changes_ = replayer.num_changes();
    report.lost = replayer.lost();
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
  ASSIGN_OR_RETURN(
      auto pages,
      PageFile::Open(area.store_.io(), PagesPath(area.dir(), area.generation_),
                     FirstPageOffset(area.store_.base().get(), page_size), end, page_size));
  area.store_.SetPages(std::move(pages));
  return {};
}

Status StagingRecovery::RemoveOrphans(StagingArea& area, const WorkAreaFiles& found) {
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
  RETURN_IF_ERROR(Lock(area));
  ASSIGN_OR_RETURN(const WorkAreaFiles found, ListWorkArea(area.dir()));
  if (found.journals.empty() && !area.options_.may_create) {
    return Fail(ErrorKind::kNotFound, area.dir() + ": nothing is staged there", ENOENT);
  }
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

Status StagingRecovery::Checkpoint(StagingArea& area) {
  StageIo& io = area.store_.io();
  // It will vouch for all the bytes it names.
  RETURN_IF_ERROR(io.Sync(area.store_.pages().fd(), area.store_.pages().path()));
  std::unordered_map<uint32_t, Content> sealed;
  for (const auto& [ino, open] : area.files_) sealed.emplace(ino, open.file->sealed());
  const std::string path = JournalPath(area.dir(), area.generation_);
  ASSIGN_OR_RETURN(auto journal, JournalWriter::Create(io, path + ".new", HeaderNow(area)));
  JournalRecord record;
  record.kind = JournalKind::kClear;
  journal->Append(record);
  RETURN_IF_ERROR(WriteTreeRecords(area.tree_, sealed, *journal));
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
  return RemoveWorkArea(DirOf(beton_path));
}

}  // namespace betonfs
