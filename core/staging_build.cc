// The page file becomes the dataset where it lies: pages stay, tables are written around them.
#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "core/block_checks.h"
#include "core/staging_commit.h"
#include "core/staging_recovery.h"
#include "core/structure_writer.h"
#include "core/text.h"

namespace betonfs {
namespace {

bool LiesInOnePage(const Content& content, uint64_t page_size) {
  return content.offset / page_size ==
         (content.offset + std::max<uint64_t>(content.size, 1) - 1) / page_size;
}

}  // namespace

Status StagingCommit::BuildInPlace() {
  const Schema schema = MakeFileSchema(plan_.schema, plan_.labels.has_labels);
  RETURN_IF_ERROR(CarryBase());
  RETURN_IF_ERROR(PlaceOthers(RowsEnd(schema, plan_.samples.size())));
  const uint32_t page_size = FittingPageSize();
  RETURN_IF_ERROR(MoveWhatDoesNotFit(page_size));
  std::sort(plan_.samples.begin(), plan_.samples.end(),
            [](const PlannedSample& a, const PlannedSample& b) {
              return a.content.offset < b.content.offset;
            });
  uint64_t pages_end = 0;
  uint64_t last_page = ~uint64_t{0};
  for (const PlannedSample& sample : plan_.samples) {
    const Content& content = sample.content;
    pages_end = std::max(pages_end, content.offset + std::max<uint64_t>(content.size, 1));
    const uint64_t first = content.offset / page_size;
    const uint64_t last = (content.offset + std::max<uint64_t>(content.size, 1) - 1) / page_size;
    report_.num_pages += last - first + (first == last_page ? 0 : 1);
    last_page = last;
    if (content.size > page_size) report_.oversize.push_back(plan_.PathOf(sample));
  }
  report_.page_size_bytes = page_size;
  progress_.phase = CommitProgress::Phase::kWriting;
  RETURN_IF_ERROR(JournalMoves());
  RETURN_IF_ERROR(ZeroGaps(pages_end));
  return WriteTables(page_size, pages_end);
}

// ---- Pages of the dataset before ----------------------------------------------------------------

// At the offsets where they are, which the page file has kept free; in whole pages, so that a file
// system with reflinks copies nothing.  What is dead in them is zeroed afterwards.
Status StagingCommit::CarryBase() {
  const auto& base = area_.store_.base();
  if (!base) return {};
  progress_.phase = CommitProgress::Phase::kCarrying;
  std::vector<Extent> live;
  for (const PlannedSample& sample : plan_.samples) {
    if (sample.is_copy || sample.content.where != Where::kBase) continue;
    live.push_back({sample.content.offset, sample.content.size});
    report_.carried_bytes += sample.content.size;
  }
  std::sort(live.begin(), live.end(),
            [](const Extent& a, const Extent& b) { return a.offset < b.offset; });
  std::vector<Extent> runs;
  for (const Extent& payload : live) {
    const uint64_t begin = AlignDown(payload.offset, kReflinkAlignmentBytes);
    const uint64_t end = std::min<uint64_t>(
        AlignUp(payload.offset + payload.size, kReflinkAlignmentBytes), base->bytes().size());
    if (!runs.empty() && begin <= runs.back().offset + runs.back().size + base->page_size_bytes()) {
      runs.back().size = std::max(runs.back().size, end - runs.back().offset);
    } else {
      runs.push_back({begin, end - begin});
    }
  }
  progress_.done = 0;
  progress_.total = report_.carried_bytes;
  const PageFile& pages = area_.store_.pages();
  report_.carried_by_reflink = !runs.empty();
  for (const Extent& run : runs) {
    ASSIGN_OR_RETURN(const bool shared,
                     area_.store_.io().Copy(base->file().fd(), run.offset, pages.fd(), run.offset,
                                            run.size, pages.path()));
    report_.carried_by_reflink = report_.carried_by_reflink && shared;
    progress_.done += run.size;
  }
  for (PlannedSample& sample : plan_.samples) {
    if (!sample.is_copy && sample.content.where == Where::kBase) {
      sample.content.where = Where::kPages;
    }
  }
  return {};
}

// ---- Payloads that are not where they can stay --------------------------------------------------

// Gives the sample's bytes a new place in the page file.
Status StagingCommit::Place(PlannedSample& sample) {
  StagingStore& store = area_.store_;
  PageFile& pages = store.pages();
  Content& content = sample.content;
  const uint64_t page_size = pages.pages().page_size_bytes();
  uint64_t offset = 0;
  if (content.size <= page_size) {
    offset = pages.pages().Allocate(content.size).offset;
  } else {
    const Extent reservation = pages.pages().Reserve(content.size);
    pages.pages().Finish(reservation, content.size);
    offset = reservation.offset;
  }
  auto copied = store.CopyTo(content, content.size, pages.fd(), offset, pages.path());
  if (!copied) return tl::unexpected(copied.error());
  report_.moved_bytes += content.size;
  const bool was_spilled = content.where == Where::kSpill;
  content.where = Where::kPages;
  content.offset = offset;
  if (content.size == 0) {
    content.xxh3 = Xxh3({});
  } else if (was_spilled) {
    const auto view = store.View(content);
    if (!view) return Fail(ErrorKind::kNoSpace, pages.path() + ": no address space to map it");
    content.xxh3 = Xxh3(*view);
  }
  if (!sample.is_copy) moved_.insert(Number(sample.ino));
  return {};
}

// Empty files, further names of files, spilled files, and whatever lies where the rows go.
Status StagingCommit::PlaceOthers(uint64_t rows_end) {
  for (PlannedSample& sample : plan_.samples) {
    const Content& content = sample.content;
    const bool stays = content.where == Where::kPages && content.size > 0 && !sample.is_copy &&
                       content.offset >= rows_end;
    if (!stays) RETURN_IF_ERROR(Place(sample));
  }
  return {};
}

// The least page size, at least that of the page file, in which every sample up to 64 MiB fits.
// Aligned powers of two nest, so nothing that fits a smaller page stops fitting.
uint32_t StagingCommit::FittingPageSize() const {
  uint32_t page_size = area_.options_.page_size_bytes;
  if (const auto& base = area_.store_.base()) {
    page_size = std::max(page_size, base->page_size_bytes());
  }
  uint64_t largest = 0;
  for (const PlannedSample& sample : plan_.samples) {
    if (sample.content.size <= kMaxAutoPageSizeBytes) {
      largest = std::max(largest, sample.content.size);
    }
  }
  while (page_size < largest) page_size *= 2;
  return page_size;
}

Status StagingCommit::MoveWhatDoesNotFit(uint32_t page_size_bytes) {
  for (PlannedSample& sample : plan_.samples) {
    const Content& content = sample.content;
    const bool fits = content.size <= page_size_bytes ? LiesInOnePage(content, page_size_bytes)
                                                      : content.offset % page_size_bytes == 0;
    if (!fits) RETURN_IF_ERROR(Place(sample));
  }
  return {};
}

// The tree and the journal learn where a moved file is now.
Status StagingCommit::Resettle(const PlannedSample& sample) {
  StagingArea::SharedFile file;
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    file = area_.FindFile(sample.ino);
  }
  std::unique_lock<std::mutex> file_lock;
  if (file) file_lock = std::unique_lock(file->mutex());
  const std::lock_guard tree_lock(area_.tree_mutex_);
  StageNode& node = area_.tree_.At(sample.ino);
  if (node.content.where == Where::kSpill) {
    // It may be written to again if this commit fails, so an open one stays what it is until then.
    if (file) return {};
    dead_spills_.push_back(node.content.offset);
  }
  RETURN_IF_ERROR(area_.journal_->Reserve());
  node.content = sample.content;
  if (file) file->MoveTo(sample.content);
  area_.LogNode(JournalKind::kSeal, sample.ino);
  return {};
}

// Before rows overwrite them, the journal knows where moved bytes are now, and they are there even
// after a power cut; and nothing that is dead is needed to fall back on.
Status StagingCommit::JournalMoves() {
  StagingStore& store = area_.store_;
  RETURN_IF_ERROR(store.io().Sync(store.pages().fd(), store.pages().path()));
  for (const PlannedSample& sample : plan_.samples) {
    if (moved_.contains(Number(sample.ino)) && !sample.is_copy) RETURN_IF_ERROR(Resettle(sample));
  }
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    JournalRecord synced;
    synced.kind = JournalKind::kSynced;
    synced.content.offset = area_.journal_->size_bytes();
    area_.journal_->Append(synced);
  }
  return area_.journal_->Sync();
}

// ---- Tables -------------------------------------------------------------------------------------

// Everything between payloads reads as zeros, as the format promises.  Samples are in order.
Status StagingCommit::ZeroGaps(uint64_t pages_end) {
  const PageFile& pages = area_.store_.pages();
  const std::unique_lock contents(area_.contents_);
  uint64_t end = 0;
  for (const PlannedSample& sample : plan_.samples) {
    if (sample.content.offset > end) {
      RETURN_IF_ERROR(
          area_.store_.io().Zero(pages.fd(), {end, sample.content.offset - end}, pages.path()));
    }
    end = sample.content.offset + sample.content.size;
  }
  if (pages_end > end) {
    RETURN_IF_ERROR(area_.store_.io().Zero(pages.fd(), {end, pages_end - end}, pages.path()));
  }
  return {};
}

Status StagingCommit::WriteTables(uint32_t page_size_bytes, uint64_t pages_end) {
  const Schema schema = MakeFileSchema(plan_.schema, plan_.labels.has_labels);
  const Field& file_field = schema.payload_field(0);
  const Field* label_field = plan_.labels.has_labels ? schema.Find("label") : nullptr;
  const uint64_t num_samples = plan_.samples.size();
  std::vector<std::byte> rows(num_samples * schema.row_size_bytes());
  std::vector<RawTableRow> table(num_samples);
  IndexBuilder index(num_samples);
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    const auto directories = AddPlannedDirectories(plan_, area_.tree_, index);
    for (uint64_t i = 0; i < num_samples; ++i) {
      const PlannedSample& sample = plan_.samples[i];
      const Content& content = sample.content;
      const MutableBytes row(rows.data() + i * schema.row_size_bytes(), schema.row_size_bytes());
      if (plan_.schema == SchemaKind::kImage) {
        RawRgbCell cell{};
        cell.width = content.width;
        cell.height = content.height;
        cell.payload_offset = content.offset;
        WriteRgb(row, file_field, cell);
      } else {
        WriteBytesCell(row, file_field, {content.offset, content.size});
      }
      if (label_field) {
        WriteInt(row, *label_field, plan_.labels.label_of_directory[sample.directory]);
      }
      table[i].sample = i;
      table[i].payload_offset = content.offset;
      table[i].payload_size_bytes = content.size;
      const StageNode& node = area_.tree_.At(sample.ino);
      index.AddSample(SampleIndex{i}, directories[sample.directory], sample.name,
                      {node.mode, node.mtime.s, node.mtime.ns}, content.size, content.xxh3);
    }
  }
  ASSIGN_OR_RETURN(const IndexSections sections, index.Finish());
  Structures structures;
  structures.schema = &schema;
  structures.page_size_bytes = page_size_bytes;
  structures.num_samples = num_samples;
  structures.rows = rows;
  structures.table = std::as_bytes(std::span(table));
  structures.index = &sections;
  structures.pages_end = pages_end;
  const PageFile& pages = area_.store_.pages();
  rows_end_ = RowsEnd(schema, num_samples);
  ASSIGN_OR_RETURN(report_.file_size_bytes, WriteStructures(pages.fd(), structures, pages.path()));
  built_path_ = pages.path();
  return {};
}

// What was written behind the payloads would otherwise be in the way of the next ones, which rely
// on zeros there.
void StagingCommit::TidyUpFailure() {
  if (published_) return;  // what failed came after: the page file is the dataset now
  StageIo& io = area_.store_.io();
  const uint64_t next = area_.generation_ + 1;
  (void)io.Remove(JournalPath(area_.dir(), next));
  (void)io.Remove(JournalPath(area_.dir(), next) + ".new");
  (void)io.Remove(PagesPath(area_.dir(), next));
  if (report_.rewritten) {
    (void)io.Remove(area_.dir() + "/rewrite.new");
    return;
  }
  PageFile& pages = area_.store_.pages();
  uint64_t payload_end = 0;
  {
    const std::lock_guard tree_lock(area_.tree_mutex_);
    area_.tree_.ForEachNode([&](StageIno, const StageNode& node) {
      if (node.content.where != Where::kPages) return;
      payload_end = std::max(payload_end, node.content.offset + node.content.size);
    });
  }
  const std::unique_lock contents(area_.contents_);
  (void)io.Truncate(pages.fd(), payload_end, pages.path());
  if (rows_end_ > 0) (void)io.Zero(pages.fd(), {0, rows_end_}, pages.path());
}

}  // namespace betonfs
