#include "core/concat.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <utility>

#include "core/check.h"
#include "core/dataset.h"
#include "core/escape_name.h"
#include "core/structure_writer.h"
#include "core/text.h"

namespace betonfs {
namespace {

constexpr uint64_t kCopyStepBytes = 64u << 20;  // between two looks at the cancel flag
constexpr uint64_t kBufferSizeBytes = 1u << 20;

// Bytes that go to the output as they are.
struct Run {
  Extent from;                 // in the input
  uint64_t target_offset = 0;  // in the output
};

struct Input {
  std::unique_ptr<Dataset> dataset;
  uint64_t first_sample = 0;  // in the output
  std::vector<Run> runs;      // one, unless samples had to be moved within their pages
};

Result<std::vector<Input>> OpenAll(const std::vector<std::string>& paths) {
  std::vector<Input> inputs;
  for (const std::string& path : paths) {
    Input input;
    ASSIGN_OR_RETURN(input.dataset, Dataset::Open(path));
    if (const Error* error = input.dataset->index_error()) return tl::unexpected(*error);
    if (input.dataset->index() == nullptr) {
      return Fail(ErrorKind::kUnsupported,
                  Cat(path, ": has no stored names (it was not written by betonfs)"));
    }
    if (!inputs.empty() && !input.dataset->schema().SameAs(inputs[0].dataset->schema())) {
      return Fail(ErrorKind::kInvalidArgument,
                  Cat(path, ": its fields are not those of ", paths[0]));
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

// Nothing damaged is carried on: the output's checksums would vouch for structures that were wrong.
Status VerifyInput(const Dataset& dataset, const ConcatOptions& options) {
  CheckOptions check{.num_threads = options.num_threads, .cancel = options.cancel};
  check.progress = [&](uint64_t, uint64_t size_bytes) {
    if (options.on_progress) options.on_progress(size_bytes);
  };
  ASSIGN_OR_RETURN(const CheckReport report, Check(dataset, check));
  const auto damage =
      std::find_if(report.findings.begin(), report.findings.end(),
                   [](const Finding& finding) { return finding.severity == Severity::kDamage; });
  if (damage == report.findings.end()) return {};
  return Fail(ErrorKind::kCorrupt,
              Cat(damage->message, " (", report.num_damages, " in all: see betonfs check)"));
}

// Where the samples of one input go: as they lie, from a page boundary on, which keeps every page
// whole as long as powers of two nest.  What does not nest is a sample larger than the pages of its
// input: it spans several, and may lie across a boundary of the larger pages of the output though
// it fits one of them.  From there on the samples move up.
class Placement {
 public:
  // `pages_end`: where the output is free from.
  Placement(uint64_t pages_end, uint32_t input_page_size, uint32_t page_size)
      : end_(pages_end), input_page_size_(input_page_size), page_size_(page_size) {}

  // Takes samples in the order of their offsets.  Returns by how much this one moves, modulo 2^64.
  uint64_t Place(Extent sample) {
    const uint64_t aligned = AlignUp(end_, page_size_);
    if (runs_.empty()) {
      Begin(sample, aligned + (sample.offset - AlignDown(sample.offset, input_page_size_)));
    }
    if (!Fits({sample.offset + moved_by_, sample.size})) Begin(sample, aligned);
    Run& run = runs_.back();
    run.from.size = sample.offset + sample.size - run.from.offset;
    end_ = run.target_offset + run.from.size;
    return moved_by_;
  }

  uint64_t end() const { return end_; }
  std::vector<Run> TakeRuns() { return std::move(runs_); }

 private:
  void Begin(Extent sample, uint64_t target) {
    runs_.push_back({{sample.offset, 0}, target});
    moved_by_ = target - sample.offset;
  }

  // On one page, or, where no page is large enough, from the start of one.
  bool Fits(Extent target) const {
    if (target.size > page_size_) return target.offset % page_size_ == 0;
    return target.size == 0 ||
           target.offset / page_size_ == (target.offset + target.size - 1) / page_size_;
  }

  uint64_t end_;
  const uint32_t input_page_size_;
  const uint32_t page_size_;
  uint64_t moved_by_ = 0;
  std::vector<Run> runs_;
};

// The merged rows and table, and where every input's pages go.
class RowMerger {
 public:
  RowMerger(std::vector<Input>& inputs, uint32_t page_size)
      : inputs_(inputs), schema_(inputs[0].dataset->schema()), page_size_(page_size) {}

  Status Run() {
    for (Input& input : inputs_) {
      input.first_sample = num_samples_;
      num_samples_ += input.dataset->num_samples();
    }
    rows_.resize(num_samples_ * schema_.row_size_bytes());
    table_.reserve(num_samples_ * schema_.num_payloads());
    pages_end_ = RowsEnd(schema_, num_samples_);
    for (Input& input : inputs_) RETURN_IF_ERROR(Add(input));
    return {};
  }

  uint64_t num_samples() const { return num_samples_; }
  Bytes rows() const { return rows_; }
  Bytes table() const { return std::as_bytes(std::span(table_)); }
  uint64_t pages_end() const { return pages_end_; }

 private:
  Status Add(Input& input) {
    RETURN_IF_ERROR(CopyRows(input));
    if (schema_.num_payloads() == 0 || input.dataset->num_samples() == 0) return {};
    const std::span<RawTableRow> table(&table_[input.first_sample * schema_.num_payloads()],
                                       input.dataset->num_samples() * schema_.num_payloads());
    Placement placement(pages_end_, input.dataset->page_size_bytes(), page_size_);
    uint64_t previous_end = input.dataset->pages().offset;
    for (size_t i = 0; i < table.size(); i += schema_.num_payloads()) {
      const auto sample = table.subspan(i, schema_.num_payloads());
      ASSIGN_OR_RETURN(const Extent extent, ExtentOf(sample, previous_end, input));
      previous_end = extent.offset + extent.size;
      const uint64_t moved_by = placement.Place(extent);
      for (RawTableRow& row : sample) row.payload_offset = row.payload_offset + moved_by;
    }
    pages_end_ = placement.end();
    input.runs = placement.TakeRuns();
    PointRowsTo(input, table);
    return {};
  }

  // All payloads of a sample.  One of size 0 keeps the byte it burned.
  // Error kCorrupt: it begins before `previous_end`, which no file of ours does.
  Result<Extent> ExtentOf(std::span<const RawTableRow> sample, uint64_t previous_end,
                          const Input& input) const {
    const Extent pages = input.dataset->pages();
    uint64_t first = ~uint64_t{0}, end = 0;
    for (const RawTableRow& row : sample) {
      first = std::min<uint64_t>(first, row.payload_offset);
      end = std::max<uint64_t>(end,
                               row.payload_offset + std::max<uint64_t>(row.payload_size_bytes, 1));
    }
    end = std::min(end, pages.offset + pages.size);
    if (first >= previous_end && end >= first) return Extent{first, end - first};
    return Fail(
        ErrorKind::kCorrupt,
        Cat(input.dataset->path(), ": sample ", sample[0].sample - input.first_sample,
            " starts at ", first, ", before the end of the one before it at ", previous_end));
  }

  // Rows as they are; the table as the input has it, by sample and payload.
  Status CopyRows(const Input& input) {
    const uint64_t row_size = schema_.row_size_bytes();
    for (uint64_t i = 0; i < input.dataset->num_samples(); ++i) {
      ASSIGN_OR_RETURN(const Bytes row, input.dataset->Row(SampleIndex{i}));
      std::copy(row.begin(), row.end(),
                rows_.begin() + Signed((input.first_sample + i) * row_size));
      for (uint32_t k = 0; k < schema_.num_payloads(); ++k) {
        ASSIGN_OR_RETURN(const Payload payload,
                         input.dataset->PayloadOf(SampleIndex{i}, schema_.payload_field(k)));
        RawTableRow table_row;
        table_row.sample = input.first_sample + i;
        table_row.payload_offset = payload.offset;
        table_row.payload_size_bytes = payload.bytes.size();
        table_.push_back(table_row);
      }
    }
    return {};
  }

  void PointRowsTo(const Input& input, std::span<const RawTableRow> table) {
    const uint64_t row_size = schema_.row_size_bytes();
    for (size_t i = 0; i < table.size(); ++i) {
      const MutableBytes row = MutableBytes(rows_).subspan(
          (input.first_sample + i / schema_.num_payloads()) * row_size, row_size);
      const Field& field = schema_.payload_field(static_cast<uint32_t>(i % schema_.num_payloads()));
      if (field.type == FieldType::kRgbImage) {
        RawRgbCell cell = ReadRgb(row, field);
        cell.payload_offset = table[i].payload_offset;
        WriteRgb(row, field, cell);
      } else if (field.type == FieldType::kBytes || field.type == FieldType::kJson) {
        WriteBytesCell(row, field, {table[i].payload_offset, table[i].payload_size_bytes});
      } else {
        WriteArrayCell(row, field, table[i].payload_offset);
      }
    }
  }

  static ptrdiff_t Signed(uint64_t offset) { return static_cast<ptrdiff_t>(offset); }

  std::vector<Input>& inputs_;
  const Schema& schema_;
  const uint32_t page_size_;
  uint64_t num_samples_ = 0;
  std::vector<std::byte> rows_;
  std::vector<RawTableRow> table_;
  uint64_t pages_end_ = 0;
};

// One tree out of several, directory by directory: the sorted runs of all inputs that have it.
class TreeUnion {
 public:
  TreeUnion(const std::vector<Input>& inputs, uint64_t num_samples)
      : inputs_(inputs), builder_(num_samples) {}

  Result<IndexSections> Run() {
    Merged root;
    for (size_t i = 0; i < inputs_.size(); ++i) root.parts.push_back({i, kRootDir});
    if (!root.parts.empty()) {
      ASSIGN_OR_RETURN(const Directory first, inputs_[0].dataset->index()->DirectoryAt(kRootDir));
      builder_.SetRootAttributes(AttributesOf(first));
    }
    to_visit_.push_back(std::move(root));
    while (!to_visit_.empty()) {
      const Merged merged = std::move(to_visit_.back());
      to_visit_.pop_back();
      RETURN_IF_ERROR(Visit(merged));
    }
    return builder_.Finish();
  }

 private:
  struct Part {
    size_t input;
    DirIndex directory;
  };
  struct Merged {
    DirIndex directory = kRootDir;  // in the output
    std::vector<Part> parts;
  };
  struct Named {
    Entry entry;
    size_t input;
    EntryIndex index;
  };

  static EntryAttributes AttributesOf(const Directory& directory) {
    return {directory.mode, directory.mtime_s, directory.mtime_ns};
  }

  Status Visit(const Merged& merged) {
    std::vector<Named> entries;
    for (const Part& part : merged.parts) {
      const IndexView& index = *inputs_[part.input].dataset->index();
      ASSIGN_OR_RETURN(const Directory directory, index.DirectoryAt(part.directory));
      for (uint64_t i = 0; i < directory.num_entries; ++i) {
        const EntryIndex number{Number(directory.first_entry) + i};
        ASSIGN_OR_RETURN(const Entry entry, index.EntryAt(number));
        entries.push_back({entry, part.input, number});
      }
    }
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Named& a, const Named& b) { return a.entry.name < b.entry.name; });
    for (size_t first = 0, end = 0; first < entries.size(); first = end) {
      while (end < entries.size() && entries[end].entry.name == entries[first].entry.name) ++end;
      RETURN_IF_ERROR(AddName(merged.directory, std::span(entries).subspan(first, end - first)));
    }
    return {};
  }

  // All entries of one name: one file, or directories to be merged.
  Status AddName(DirIndex parent, std::span<const Named> same) {
    if (same.size() == 1 && same[0].entry.kind == EntryKind::kSample) {
      return AddSample(parent, same[0]);
    }
    Merged merged;
    for (const Named& named : same) {
      if (named.entry.kind == EntryKind::kSample) return Collision(same);
      merged.parts.push_back({named.input, named.entry.directory()});
    }
    const IndexView& index = *inputs_[same[0].input].dataset->index();
    ASSIGN_OR_RETURN(const Directory first, index.DirectoryAt(same[0].entry.directory()));
    merged.directory = builder_.AddDirectory(parent, same[0].entry.name, AttributesOf(first));
    to_visit_.push_back(std::move(merged));
    return {};
  }

  Status AddSample(DirIndex parent, const Named& named) {
    const Input& input = inputs_[named.input];
    ASSIGN_OR_RETURN(const SampleRecord record,
                     input.dataset->index()->SampleAt(named.entry.sample()));
    builder_.AddSample(SampleIndex{input.first_sample + Number(named.entry.sample())}, parent,
                       named.entry.name, {record.mode, record.mtime_s, record.mtime_ns},
                       record.size_bytes, record.xxh3, record.raw_view);
    return {};
  }

  Status Collision(std::span<const Named> same) const {
    const Dataset& one = *inputs_[same[0].input].dataset;
    ASSIGN_OR_RETURN(const std::string path, one.index()->PathOf(same[0].index));
    return Fail(ErrorKind::kInvalidArgument,
                Cat("'", EscapeName(path), "' is in ", one.path(), " and in ",
                    inputs_[same[1].input].dataset->path()));
  }

  const std::vector<Input>& inputs_;
  IndexBuilder builder_;
  std::vector<Merged> to_visit_;
};

class PageCopier {
 public:
  PageCopier(int fd, const std::string& path, const ConcatOptions& options)
      : fd_(fd), path_(path), options_(options) {}

  Status Copy(const Input& input) {
    for (const Run& run : input.runs) RETURN_IF_ERROR(CopyRun(*input.dataset, run));
    return {};
  }

 private:
  Status CopyRun(const Dataset& from, const Run& run) {
    for (uint64_t done = 0; done < run.from.size;) {
      if (options_.cancel != nullptr && *options_.cancel) {
        return Fail(ErrorKind::kCancelled, path_ + ": interrupted, nothing written");
      }
      const uint64_t size = std::min(kCopyStepBytes, run.from.size - done);
      ASSIGN_OR_RETURN(const uint64_t copied,
                       CopySome(from, run.from.offset + done, run.target_offset + done, size));
      if (options_.on_progress) options_.on_progress(copied);
      done += copied;
    }
    return {};
  }

  Result<uint64_t> CopySome(const Dataset& from, uint64_t from_offset, uint64_t target_offset,
                            uint64_t size) {
    auto source = static_cast<off_t>(from_offset);
    auto target = static_cast<off_t>(target_offset);
    if (in_kernel_) {
      const ssize_t copied = copy_file_range(from.file().fd(), &source, fd_, &target, size, 0);
      if (copied > 0) return static_cast<uint64_t>(copied);
      if (copied < 0 && (errno == ENOSPC || errno == EIO || errno == EDQUOT || errno == EFBIG)) {
        return FailErrno(path_ + ": copying pages", errno);
      }
      in_kernel_ = false;  // across file systems, or one that cannot
    }
    buffer_.resize(std::min(size, kBufferSizeBytes));
    RETURN_IF_ERROR(ReadAt(from.file().fd(), buffer_, from_offset, from.path()));
    RETURN_IF_ERROR(WriteAt(fd_, buffer_, target_offset, path_));
    return buffer_.size();
  }

  const int fd_;
  const std::string& path_;
  const ConcatOptions& options_;
  bool in_kernel_ = true;
  std::vector<std::byte> buffer_;
};

// Labels are numbers: where two inputs mean different classes by one, or give one class two, the
// user should know.  A class is a top-level directory.
Result<std::vector<std::string>> LabelWarnings(const std::vector<Input>& inputs) {
  const Field* label = inputs[0].dataset->schema().Find("label");
  if (label == nullptr || label->type != FieldType::kInt) return std::vector<std::string>();
  std::map<std::string, std::pair<int64_t, std::string>> seen;  // class -> label, file
  for (const Input& input : inputs) {
    const IndexView& index = *input.dataset->index();
    ASSIGN_OR_RETURN(const Directory root, index.DirectoryAt(kRootDir));
    for (uint64_t i = 0; i < root.num_entries; ++i) {
      ASSIGN_OR_RETURN(const Entry top, index.EntryAt(EntryIndex{Number(root.first_entry) + i}));
      if (top.kind != EntryKind::kDirectory) continue;
      ASSIGN_OR_RETURN(const Directory directory, index.DirectoryAt(top.directory()));
      if (directory.num_entries == 0) continue;
      ASSIGN_OR_RETURN(const Entry first, index.EntryAt(directory.first_entry));
      if (first.kind != EntryKind::kSample) continue;
      ASSIGN_OR_RETURN(const Bytes row, input.dataset->Row(first.sample()));
      const int64_t number = ReadInt(row, *label);
      const auto [known, is_new] =
          seen.try_emplace(std::string(top.name), number, input.dataset->path());
      if (is_new || known->second.first == number) continue;
      return std::vector<std::string>{Cat("files in '", EscapeName(top.name), "' have label ",
                                          known->second.first, " in ", known->second.second,
                                          " and ", number, " in ", input.dataset->path(),
                                          ": the labels are kept as they are")};
    }
  }
  return std::vector<std::string>();
}

}  // namespace

Result<ConcatReport> Concat(const std::vector<std::string>& paths, const std::string& target,
                            const ConcatOptions& options) {
  if (paths.empty()) return Fail(ErrorKind::kInvalidArgument, "nothing to concatenate");
  ASSIGN_OR_RETURN(std::vector<Input> inputs, OpenAll(paths));
  ConcatReport report;
  for (const Input& input : inputs) {
    report.page_size_bytes = std::max(report.page_size_bytes, input.dataset->page_size_bytes());
  }
  for (const Input& input : inputs) {
    if (options.verify) RETURN_IF_ERROR(VerifyInput(*input.dataset, options));
  }
  RowMerger merger(inputs, report.page_size_bytes);
  RETURN_IF_ERROR(merger.Run());
  ASSIGN_OR_RETURN(const IndexSections index, TreeUnion(inputs, merger.num_samples()).Run());
  ASSIGN_OR_RETURN(report.warnings, LabelWarnings(inputs));

  ASSIGN_OR_RETURN(ReplacementFile file, ReplacementFile::Create(target, options.existing));
  PageCopier copier(file.fd(), target, options);
  for (const Input& input : inputs) RETURN_IF_ERROR(copier.Copy(input));
  ASSIGN_OR_RETURN(report.file_size_bytes,
                   WriteStructures(file.fd(),
                                   {.schema = &inputs[0].dataset->schema(),
                                    .page_size_bytes = report.page_size_bytes,
                                    .num_samples = merger.num_samples(),
                                    .rows = merger.rows(),
                                    .table = merger.table(),
                                    .index = &index,
                                    .pages_end = merger.pages_end()},
                                   target));
  RETURN_IF_ERROR(file.Commit());
  report.num_samples = merger.num_samples();
  return report;
}

}  // namespace betonfs
