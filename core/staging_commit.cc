// The course of a commit; how the file is built is in staging_build.cc and staging_rewrite.cc.
#include "core/staging_commit.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <unordered_set>

#include "core/staging_base.h"
#include "core/staging_checkpoint.h"
#include "core/staging_recovery.h"
#include "core/text.h"

namespace betonfs {
namespace {

constexpr uint64_t kCompactAboveDeadShare = 4;  // a quarter

// Bytes in the pages of a dataset that belong to none of the `live` payloads.  The index knows who
// is there, not who was: so it is gaps that are measured, and what is left at the end of a page is
// taken for room that was never used.
uint64_t DeadBytesIn(const Dataset& dataset, std::vector<Extent> live) {
  const uint64_t page_size = dataset.page_size_bytes();
  std::sort(live.begin(), live.end(),
            [](const Extent& a, const Extent& b) { return a.offset < b.offset; });
  uint64_t dead = 0;
  uint64_t end = AlignUp(dataset.pages().offset, page_size);  // where the first page begins
  for (const Extent& payload : live) {
    const uint64_t gap = payload.offset - std::min(payload.offset, end);
    const uint64_t left_in_page = AlignUp(end, page_size) - end;
    dead += gap < left_in_page ? gap : gap - left_in_page;
    end = payload.offset + std::max<uint64_t>(payload.size, 1);
  }
  const uint64_t pages_end = dataset.pages().offset + dataset.pages().size;
  const uint64_t gap = pages_end - std::min(pages_end, end);
  return gap < kSectionAlignmentBytes ? dead : dead + gap;
}

}  // namespace

const char* CommitProgress::Name(Phase phase) {
  switch (phase) {
    case Phase::kIdle:
      return "idle";
    case Phase::kPlanning:
      return "planning";
    case Phase::kCarrying:
      return "carrying over";
    case Phase::kRewriting:
      return "rewriting";
    case Phase::kWriting:
      return "writing tables";
    case Phase::kSyncing:
      return "syncing";
  }
  return "unknown";
}

Result<CommitReport> StagingCommit::Run(StagingArea& area, const CommitOptions& options,
                                        CommitProgress& progress) {
  StagingCommit commit(area, options, progress);
  auto report = commit.Run();
  progress.phase = CommitProgress::Phase::kIdle;
  return report;
}

Result<CommitReport> StagingCommit::Run() {
  const auto begin = std::chrono::steady_clock::now();
  const std::unique_lock changes(area_.changes_);
  progress_.phase = CommitProgress::Phase::kPlanning;
  RETURN_IF_ERROR(SealOpenFiles());
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    ASSIGN_OR_RETURN(plan_, PlanCommit(area_.tree_, area_.store_, options_.plan));
  }
  FillReport();
  if (!options_.dry_run) {
    RETURN_IF_ERROR(RescueOthers());
    const Status built = report_.rewritten ? Rewrite() : BuildInPlace();
    const Status published = built ? Publish(built_path_) : built;
    if (!published) {
      TidyUpFailure();
      return tl::unexpected(published.error());
    }
  }
  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return std::move(report_);
}

// ---- Before -------------------------------------------------------------------------------------

// Nobody changes anything now, so the map of open files stays as it is but for readers.
Status StagingCommit::SealOpenFiles() {
  std::vector<std::pair<StageIno, StagingArea::SharedFile>> files;
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    for (auto& [ino, open] : area_.files_) files.emplace_back(StageIno{ino}, open.file);
  }
  for (auto& [ino, file] : files) {
    const std::lock_guard file_lock(file->mutex());
    RETURN_IF_ERROR(area_.SealLocked(ino, *file));
    RETURN_IF_ERROR(file->SyncSpill());
  }
  return area_.journal_->Flush();
}

uint64_t StagingCommit::DeadBytes() const {
  uint64_t dead = area_.dead_bytes_ + area_.reclaimed_bytes_;
  if (const auto& base = area_.store_.base()) {
    std::vector<Extent> live;
    for (const PlannedSample& sample : plan_.samples) {
      if (sample.content.where != Where::kBase || sample.is_copy) continue;
      live.push_back({sample.content.offset, sample.content.size});
    }
    dead += DeadBytesIn(*base, std::move(live));
  }
  return dead;
}

bool StagingCommit::ShouldRewrite() const {
  if (options_.shuffle_seed) return true;
  if (options_.compact != CommitOptions::Compact::kAuto) {
    return options_.compact == CommitOptions::Compact::kAlways;
  }
  const uint64_t dead = report_.dead_bytes;
  return dead > (dead + plan_.payload_bytes) / kCompactAboveDeadShare;
}

void StagingCommit::FillReport() {
  report_.dry_run = options_.dry_run;
  report_.beton_path = area_.beton_path();
  report_.num_samples = plan_.samples.size();
  report_.payload_bytes = plan_.payload_bytes;
  report_.schema = plan_.schema == SchemaKind::kImage ? "image" : "data";
  report_.classes = plan_.labels.classes;
  report_.warnings = plan_.labels.warnings;
  report_.links = plan_.links;
  report_.skipped = plan_.skipped;
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    report_.dead_bytes = DeadBytes();
  }
  report_.rewritten = ShouldRewrite();
}

Status StagingCommit::MoveToSpill(StageIno ino) {
  Content content;
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    if (!area_.tree_.Exists(Number(ino))) return {};
    content = area_.tree_.At(ino).content;
  }
  if (content.where != Where::kPages && content.where != Where::kBase) return {};
  StagingStore& store = area_.store_;
  const uint64_t number = store.NewSpillNumber();
  const std::string path = store.SpillPath(number);
  ASSIGN_OR_RETURN(const UniqueFd fd, store.OpenSpill(number, O_RDWR | O_CREAT | O_TRUNC));
  auto copied = store.CopyTo(content, content.size, fd.get(), 0, path);
  if (!copied) return tl::unexpected(copied.error());
  RETURN_IF_ERROR(store.io().Sync(fd.get(), path));
  content.where = Where::kSpill;
  content.offset = number;
  StagingArea::SharedFile file;
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    file = area_.FindFile(ino);
  }
  std::unique_lock<std::mutex> file_lock;
  if (file) file_lock = std::unique_lock(file->mutex());
  const std::lock_guard tree_lock(area_.tree_mutex_);
  if (!area_.tree_.Exists(Number(ino))) return {};
  if (file) file->MoveTo(content);
  area_.tree_.At(ino).content = content;
  area_.LogNode(JournalKind::kSeal, ino);
  return {};
}

// What will be no sample but still has bytes in files that are about to change: junk, files left
// out, and files without a name that are still open.
Status StagingCommit::RescueOthers() {
  std::unordered_set<uint32_t> samples;
  for (const PlannedSample& sample : plan_.samples) {
    if (!sample.is_copy) samples.insert(Number(sample.ino));
  }
  std::vector<StageIno> others;
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    area_.tree_.ForEachNode([&](StageIno ino, const StageNode& node) {
      if (node.kind == NodeKind::kFile && node.content.size > 0 && !samples.contains(Number(ino))) {
        others.push_back(ino);
      }
    });
  }
  for (const StageIno ino : others) RETURN_IF_ERROR(MoveToSpill(ino));
  if (others.empty()) return {};
  RETURN_IF_ERROR(area_.store_.io().SyncParent(area_.store_.SpillPath(0)));
  // A followed symlink may lead to a file that is left out: its bytes are where they are now.
  const std::lock_guard tree_lock(area_.tree_mutex_);
  for (PlannedSample& sample : plan_.samples) {
    const Content& now = area_.tree_.At(sample.ino).content;
    sample.content.where = now.where;
    sample.content.offset = now.offset;
  }
  return {};
}

// ---- After --------------------------------------------------------------------------------------

namespace {

// The records that turn the tree of the new dataset into the staged tree: what no dataset holds.
class DifferenceWriter {
 public:
  DifferenceWriter(const CommitPlan& plan, const StagingTree& tree, JournalWriter& journal)
      : plan_(plan), tree_(tree), journal_(journal) {}

  Status Write() {
    if (plan_.skipped.empty() && plan_.links.empty()) return {};
    for (const PlannedSample& sample : plan_.samples) {
      if (tree_.At(sample.ino).nlink < 2 || sample.is_copy) continue;
      first_names_.emplace(Number(sample.ino), plan_.PathOf(sample));
    }
    for (const PlannedSkip& skip : plan_.skipped) AddSkipped(skip);
    for (const PlannedLink& link : plan_.links) AddLink(link);
    // Adding and removing names has changed the times of directories.
    for (uint32_t i = 0; i < plan_.directories.size(); ++i) {
      if (!touched_.contains(PathOfDirectory(i))) continue;
      Append(JournalKind::kAttributes, plan_.directories[i].ino, PathOfDirectory(i), {});
    }
    return journal_.Flush();
  }

 private:
  std::string PathOfDirectory(uint32_t number) const {
    return tree_.PathOf(plan_.directories[number].ino);
  }

  void AddSkipped(const PlannedSkip& skip) {
    const StageNode& node = tree_.At(skip.ino);
    Touch(skip.path);
    if (node.kind == NodeKind::kSymlink) {
      Append(JournalKind::kSymlink, skip.ino, skip.path, tree_.SymlinkTarget(skip.ino));
      return;
    }
    const auto [first, is_first] = first_names_.emplace(Number(skip.ino), skip.path);
    if (is_first) {
      left_out_.insert(Number(skip.ino));
      Append(JournalKind::kCreate, skip.ino, skip.path, {});
    } else {
      Append(JournalKind::kLink, skip.ino, first->second, skip.path);
    }
  }

  void AddLink(const PlannedLink& link) {
    const bool is_hard_link = link.kind == PlannedLink::Kind::kHardLink;
    const auto ino = tree_.Resolve(link.path);
    if (!ino) return;
    // A file that was left out by all its names has been written as such.
    if (is_hard_link && left_out_.contains(Number(*ino))) return;
    Touch(link.path);
    if (link.followed) Append(JournalKind::kRemove, *ino, link.path, {});
    if (is_hard_link) {
      Append(JournalKind::kLink, *ino, link.target, link.path);
    } else {
      Append(JournalKind::kSymlink, *ino, link.path, link.target);
    }
  }

  void Touch(std::string_view path) {
    const size_t slash = path.rfind('/');
    touched_.emplace(slash == std::string_view::npos ? std::string_view() : path.substr(0, slash));
  }

  void Append(JournalKind kind, StageIno ino, std::string_view path, std::string_view second) {
    journal_.Append(RecordOf(kind, tree_.At(ino), path, second));
  }

  const CommitPlan& plan_;
  const StagingTree& tree_;
  JournalWriter& journal_;
  std::unordered_map<uint32_t, std::string> first_names_;  // of what the journal can link to
  std::unordered_set<uint32_t> left_out_;
  std::unordered_set<std::string> touched_;
};

}  // namespace

Status StagingCommit::WriteNextJournal(const BaseIdentity& base,
                                       std::unique_ptr<JournalWriter>& journal) {
  JournalHeader header;
  header.generation = area_.generation_ + 1;
  header.base = base;
  header.boot = BootId::Current();
  const std::string path = JournalPath(area_.dir(), header.generation);
  ASSIGN_OR_RETURN(journal, JournalWriter::Create(area_.store_.io(), path + ".new", header));
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    RETURN_IF_ERROR(DifferenceWriter(plan_, area_.tree_, *journal).Write());
  }
  JournalRecord begun;
  begun.kind = JournalKind::kBegun;
  journal->Append(begun);
  JournalRecord synced;  // spill files were synced when they were filled
  synced.kind = JournalKind::kSynced;
  synced.content.offset = journal->size_bytes();
  journal->Append(synced);
  return journal->PutInPlace(path);
}

// `path` is a finished dataset in the work area.
Status StagingCommit::Publish(const std::string& path) {
  progress_.phase = CommitProgress::Phase::kSyncing;
  StageIo& io = area_.store_.io();
  {
    ASSIGN_OR_RETURN(const UniqueFd fd, io.Open(path, O_RDWR, 0));
    RETURN_IF_ERROR(io.Sync(fd.get(), path));
  }
  // Opened under its old name first: what cannot be opened must not take the place of what can.
  BaseIdentity identity;
  uint64_t first_page_offset = 0;
  const uint32_t page_size = area_.options_.page_size_bytes;
  {
    ASSIGN_OR_RETURN(const auto dataset, Dataset::Open(path));
    if (dataset->index_error()) return tl::unexpected(*dataset->index_error());
    identity = IdentityOf(dataset->bytes());
    first_page_offset = StagingRecovery::FirstPageOffset(dataset.get(), page_size);
  }
  const uint64_t next = area_.generation_ + 1;
  ASSIGN_OR_RETURN(auto pages, PageFile::Open(io, PagesPath(area_.dir(), next), first_page_offset,
                                              0, page_size));
  std::unique_ptr<JournalWriter> journal;
  RETURN_IF_ERROR(WriteNextJournal(identity, journal));

  RETURN_IF_ERROR(io.Rename(path, area_.beton_path()));
  published_ = true;
  RETURN_IF_ERROR(io.SyncParent(area_.beton_path()));
  RETURN_IF_ERROR(io.SyncParent(path));
  ASSIGN_OR_RETURN(auto base, Dataset::Open(area_.beton_path()));
  SwitchOver(std::move(base), std::move(pages), std::move(journal));
  return {};
}

void StagingCommit::SwitchOver(std::shared_ptr<const Dataset> base, std::unique_ptr<PageFile> pages,
                               std::unique_ptr<JournalWriter> journal) {
  StageIo& io = area_.store_.io();
  const std::string old_pages = PagesPath(area_.dir(), area_.generation_);
  const std::string old_journal = JournalPath(area_.dir(), area_.generation_);
  std::vector<StagingArea::SharedFile> files;
  std::vector<std::unique_lock<std::mutex>> file_locks;
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    for (auto& [ino, open] : area_.files_) files.push_back(open.file);
  }
  file_locks.reserve(files.size());
  for (auto& file : files) file_locks.emplace_back(file->mutex());
  const std::unique_lock contents(area_.contents_);
  const std::lock_guard tree_lock(area_.tree_mutex_);

  for (const PlannedSample& sample : plan_.samples) {
    if (sample.is_copy) continue;
    StageNode& node = area_.tree_.At(sample.ino);
    if (node.content.where == Where::kSpill) dead_spills_.push_back(node.content.offset);
    node.content = sample.content;
    node.content.where = Where::kBase;
    node.times_sealed = 1;
    if (const auto file = area_.FindFile(sample.ino)) file->MoveTo(node.content);
  }
  area_.store_.SetBase(std::move(base));
  area_.store_.SetPages(std::move(pages));
  area_.journal_ = std::move(journal);
  ++area_.generation_;
  for (const Content& content : area_.dead_) {
    if (content.where == Where::kSpill) dead_spills_.push_back(content.offset);
  }
  area_.dead_.clear();
  area_.has_extras_ = !plan_.skipped.empty() || !plan_.links.empty();
  area_.dead_bytes_ = area_.reclaimed_bytes_ = area_.num_changes_ = 0;
  // What cannot be removed now is when the work area is next opened.
  (void)io.Remove(old_journal);
  (void)io.Remove(old_pages);
  for (const uint64_t spill : dead_spills_) (void)io.Remove(area_.store_.SpillPath(spill));
}

std::vector<DirIndex> AddPlannedDirectories(const CommitPlan& plan, const StagingTree& tree,
                                            IndexBuilder& index) {
  std::vector<DirIndex> numbers;
  numbers.reserve(plan.directories.size());
  for (const PlannedDirectory& directory : plan.directories) {
    const StageNode& node = tree.At(directory.ino);
    const EntryAttributes attributes{node.mode, node.mtime.s, node.mtime.ns};
    if (numbers.empty()) {
      index.SetRootAttributes(attributes);
      numbers.push_back(kRootDir);
    } else {
      numbers.push_back(index.AddDirectory(numbers[directory.parent], directory.name, attributes));
    }
  }
  return numbers;
}

}  // namespace betonfs
