#include "core/import.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <type_traits>

#include "core/escape_name.h"
#include "core/file.h"
#include "core/import_plan.h"
#include "core/png_image.h"
#include "core/raw_image.h"
#include "core/shuffle.h"
#include "core/text.h"

namespace betonfs {
namespace {

constexpr mode_t kDirectoryMode = 0755;

// Bytes of a plan's origins.  Keeps the last file open: one of many in a row for shards.
class OriginReader {
 public:
  explicit OriginReader(const ImportPlan& plan) : plan_(plan) {}

  // [offset, offset + out.size()) of `origin`.
  Status Read(const PayloadOrigin& origin, uint64_t offset, MutableBytes out) {
    if (origin.file == kInText) {
      plan_.text.copy(reinterpret_cast<char*>(out.data()), out.size(), origin.offset + offset);
      return {};
    }
    const std::string& path = plan_.files[origin.file];
    if (origin.file != file_) {
      ASSIGN_OR_RETURN(fd_, OpenFile(path, O_RDONLY | O_NONBLOCK));
      file_ = origin.file;
    }
    Status status = ReadAt(fd_.get(), out, origin.offset + offset, path);
    if (status || status.error().kind != ErrorKind::kTruncated) return status;
    return Fail(ErrorKind::kChanged, status.error().message + ": it changed during the import");
  }

 private:
  const ImportPlan& plan_;
  UniqueFd fd_;
  uint32_t file_ = kInText;
};

uint64_t PayloadSize(const ImportColumn& column, size_t sample) {
  const uint64_t size = column.payloads[sample].size_bytes;
  if (column.field.type == FieldType::kJson) return size + 1;  // its NUL
  if (column.images.empty() || column.images[sample].kind != FileKind::kPng) return size;
  return uint64_t{3} * column.images[sample].width * column.images[sample].height;
}

class ImportSource : public SampleSource {
 public:
  ImportSource(const ImportPlan& plan, Schema schema) : plan_(plan), schema_(std::move(schema)) {
    for (size_t sample = 0; sample < plan_.names.size(); ++sample) {
      for (const ImportColumn& column : plan_.columns) {
        if (!column.payloads.empty()) sizes_.push_back(PayloadSize(column, sample));
      }
    }
  }

  const Schema& schema() const override { return schema_; }
  uint64_t num_samples() const override { return plan_.names.size(); }
  std::span<const uint64_t> payload_sizes() const override { return sizes_; }
  std::unique_ptr<SampleReader> NewReader() override;
  Status AddNames(IndexBuilder& index, std::span<const uint64_t> xxh3) override;

  const ImportPlan& plan() const { return plan_; }
  const ImportColumn& PayloadColumn(uint32_t payload) const {
    return plan_.columns[schema_.NumberOf(schema_.payload_field(payload))];
  }

 private:
  Result<DirIndex> DirectoryOf(const std::string& name, size_t end, IndexBuilder& index);
  uint64_t ShownSize(size_t sample) const;

  const ImportPlan& plan_;
  const Schema schema_;
  std::vector<uint64_t> sizes_;
  std::map<std::string, DirIndex, std::less<>> directories_;
};

class ImportReader : public SampleReader {
 public:
  explicit ImportReader(const ImportSource& source) : source_(source), origins_(source.plan()) {}

  Status Read(const PayloadPart& part, MutableBytes room) override {
    const ImportColumn& column = source_.PayloadColumn(part.payload);
    const size_t sample = Number(part.sample);
    const PayloadOrigin& origin = column.payloads[sample];
    if (!column.images.empty() && column.images[sample].kind == FileKind::kPng) {
      return ReadPixels(part, column, room);
    }
    const uint64_t stored = std::min(part.size, origin.size_bytes - part.offset);
    RETURN_IF_ERROR(origins_.Read(origin, part.offset, room.first(stored)));
    std::memset(room.data() + stored, 0, part.size - stored);
    return {};
  }

  Status Describe(SampleIndex index, MutableBytes row) override {
    const size_t sample = Number(index);
    const auto& columns = source_.plan().columns;
    for (size_t i = 0; i < columns.size(); ++i) {
      const Field& field = source_.schema().fields()[i];
      if (field.type == FieldType::kInt) WriteInt(row, field, columns[i].integers[sample]);
      if (field.type == FieldType::kFloat) WriteFloat(row, field, columns[i].reals[sample]);
      if (field.type != FieldType::kRgbImage) continue;
      RawRgbCell cell = ReadRgb(row, field);
      const FileFact& image = columns[i].images[sample];
      cell.mode = image.kind == FileKind::kPng ? 1 : 0;
      cell.width = image.width;
      cell.height = image.height;
      WriteRgb(row, field, cell);
    }
    return {};
  }

 private:
  Status ReadPixels(const PayloadPart& part, const ImportColumn& column, MutableBytes room) {
    const size_t sample = Number(part.sample);
    if (part.offset == 0) {
      const PayloadOrigin& origin = column.payloads[sample];
      std::vector<std::byte> png(origin.size_bytes);
      RETURN_IF_ERROR(origins_.Read(origin, 0, png));
      ASSIGN_OR_RETURN(pixels_, DecodePng(png, EscapeName(source_.plan().names[sample])));
      if (pixels_.size() != PayloadSize(column, sample)) {
        return Fail(ErrorKind::kChanged,
                    EscapeName(source_.plan().names[sample]) + ": it changed during the import");
      }
    }
    std::memcpy(room.data(), &pixels_[part.offset], part.size);
    if (part.is_last) pixels_ = {};
    return {};
  }

  const ImportSource& source_;
  OriginReader origins_;
  std::vector<std::byte> pixels_;
};

std::unique_ptr<SampleReader> ImportSource::NewReader() {
  return std::make_unique<ImportReader>(*this);
}

// Of the file that the sample is shown as: its image, else its first bytes, else its first JSON.
uint64_t ImportSource::ShownSize(size_t sample) const {
  for (const FieldType type : {FieldType::kRgbImage, FieldType::kBytes, FieldType::kJson}) {
    for (const ImportColumn& column : plan_.columns) {
      if (column.field.type != type) continue;
      if (column.images.empty() || column.images[sample].kind != FileKind::kPng) {
        return column.payloads[sample].size_bytes;
      }
      return RawImageSizeBytes(column.images[sample].width, column.images[sample].height,
                               RawView::kPng);
    }
  }
  return 0;
}

// The directory of the first `end` bytes of `name`, made with those above it where they are new.
Result<DirIndex> ImportSource::DirectoryOf(const std::string& name, size_t end,
                                           IndexBuilder& index) {
  if (end == std::string::npos) return kRootDir;
  const std::string path = name.substr(0, end);
  if (const auto known = directories_.find(path); known != directories_.end()) {
    return known->second;
  }
  const size_t slash = path.rfind('/');
  ASSIGN_OR_RETURN(const DirIndex parent, DirectoryOf(name, slash, index));
  const DirIndex added = index.AddDirectory(
      parent, slash == std::string::npos ? path : path.substr(slash + 1), {.mode = kDirectoryMode});
  directories_.emplace(path, added);
  return added;
}

Status ImportSource::AddNames(IndexBuilder& index, std::span<const uint64_t> xxh3) {
  const bool has_images = !plan_.columns.empty() && !plan_.columns[0].images.empty();
  for (size_t i = 0; i < plan_.names.size(); ++i) {
    const std::string& name = plan_.names[i];
    const size_t slash = name.rfind('/');
    ASSIGN_OR_RETURN(const DirIndex directory, DirectoryOf(name, slash, index));
    const bool is_png = has_images && plan_.columns[0].images[i].kind == FileKind::kPng;
    index.AddSample(SampleIndex{i}, directory,
                    slash == std::string::npos ? name : name.substr(slash + 1), plan_.attributes[i],
                    ShownSize(i), xxh3[i], is_png ? RawView::kPng : RawView::kPpm);
  }
  return {};
}

Result<ImportPlan> MakePlan(const std::vector<std::string>& sources) {
  const auto ends_with = [](const std::string& path, const char* suffix) {
    return path.ends_with(suffix);
  };
  if (sources.size() == 1 && (ends_with(sources[0], ".csv") || ends_with(sources[0], ".jsonl") ||
                              ends_with(sources[0], ".ndjson"))) {
    return PlanManifest(sources[0]);
  }
  for (const std::string& source : sources) {
    if (ends_with(source, ".tar")) continue;
    return Fail(ErrorKind::kInvalidArgument,
                source + ": expected .tar shards, or one .csv, .jsonl or .ndjson manifest");
  }
  return PlanShards(sources);
}

std::string DescribeField(const Field& field) {
  return Cat(field.name, ": ", FieldTypeName(field.type));
}

}  // namespace

void ShufflePlan(ImportPlan& plan, uint64_t seed) {
  std::vector<uint32_t> order(plan.names.size());
  std::iota(order.begin(), order.end(), uint32_t{0});
  Shuffle(order, seed);
  const auto permute = [&order](auto& values) {
    if (values.empty()) return;
    std::remove_reference_t<decltype(values)> moved;
    moved.reserve(values.size());
    for (const uint32_t i : order) moved.push_back(std::move(values[i]));
    values = std::move(moved);
  };
  permute(plan.names);
  permute(plan.attributes);
  for (ImportColumn& column : plan.columns) {
    permute(column.integers);
    permute(column.reals);
    permute(column.payloads);
    permute(column.images);
  }
}

Status InspectImages(const ImportPlan& plan, ImportColumn& column) {
  OriginReader origins(plan);
  FileInspector inspector;
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < column.payloads.size(); ++i) {
    const PayloadOrigin& origin = column.payloads[i];
    FileFact fact;
    // The prefix first; all of a JPEG whose header is longer.
    for (const uint64_t limit : {kInspectedPrefixSizeBytes, ~uint64_t{0}}) {
      bytes.resize(std::min(origin.size_bytes, limit));
      RETURN_IF_ERROR(origins.Read(origin, 0, bytes));
      ASSIGN_OR_RETURN(fact, inspector.Inspect(bytes, bytes.size(), -1, plan.names[i]));
      if (fact.kind != FileKind::kOther || !LooksLikeJpeg(bytes)) break;
    }
    if (fact.kind != FileKind::kJpeg && fact.kind != FileKind::kPng) {
      return Fail(ErrorKind::kInvalidArgument,
                  Cat(plan.files[origin.file], ": ", EscapeName(plan.names[i]),
                      " is neither a JPEG that FFCV decodes nor a PNG"));
    }
    column.images.push_back(fact);
  }
  return {};
}

Result<ImportReport> Import(const std::vector<std::string>& sources, const std::string& target,
                            const ImportOptions& options) {
  ASSIGN_OR_RETURN(ImportPlan plan, MakePlan(sources));
  if (plan.columns.empty()) {
    return Fail(ErrorKind::kInvalidArgument, sources[0] + ": there are no samples in it");
  }
  std::vector<Field> fields;
  for (ImportColumn& column : plan.columns) {
    if (column.field.type == FieldType::kRgbImage) RETURN_IF_ERROR(InspectImages(plan, column));
    fields.push_back(column.field);
  }
  ASSIGN_OR_RETURN(Schema schema, Schema::Make(std::move(fields)));
  if (options.shuffle_seed) ShufflePlan(plan, *options.shuffle_seed);
  ImportSource source(plan, std::move(schema));
  if (options.on_planned) {
    const auto sizes = source.payload_sizes();
    options.on_planned(source.num_samples(),
                       std::accumulate(sizes.begin(), sizes.end(), uint64_t{0}));
  }
  ImportReport report;
  ASSIGN_OR_RETURN(report.written, WriteDataset(target, source, options.dataset));
  report.num_samples = source.num_samples();
  for (const Field& field : source.schema().fields()) report.fields.push_back(DescribeField(field));
  report.classes = plan.classes;
  for (const SampleIndex sample : report.written.oversize_samples) {
    report.oversize_names.push_back(plan.names[Number(sample)]);
  }
  return report;
}

}  // namespace betonfs
