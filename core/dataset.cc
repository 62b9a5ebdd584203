#include "core/dataset.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <optional>

#include "core/text.h"

namespace betonfs {
namespace {

// Inode numbers are sample numbers with a tag (fs/inode.h); no file of today is near it.
constexpr uint64_t kMaxSamples = uint64_t{1} << 45;

struct Layout {
  RawHeader header;
  Schema schema;
  Extent rows;
  Extent table;
};

Result<RawHeader> ParseHeader(Bytes file, const std::string& path) {
  const auto bytes = Slice(file, 0, sizeof(RawHeader));
  if (!bytes) {
    return Fail(ErrorKind::kTruncated,
                Cat(path, ": is ", file.size(), " bytes long, a header has ", sizeof(RawHeader)));
  }
  RawHeader header;
  std::memcpy(&header, bytes->data(), sizeof header);
  const uint32_t page_size = header.page_size_bytes;
  if (header.version != kBetonVersion) {
    return Fail(ErrorKind::kUnsupported,
                Cat(path, ": offset 0: version ", uint16_t{header.version}, ", expected ",
                    kBetonVersion, " (not a .beton file, or of another time)"));
  }
  if (!std::has_single_bit(page_size) || page_size < kMinPageSizeBytes) {
    return Fail(ErrorKind::kCorrupt, Cat(path, ": offset 4: page size ", page_size,
                                         ", expected a power of two from 4096 to 2147483648"));
  }
  if (header.num_fields == 0) {
    return Fail(ErrorKind::kCorrupt, Cat(path, ": offset 2: no fields, expected at least one"));
  }
  if (header.num_samples >= kMaxSamples) {
    return Fail(ErrorKind::kCorrupt, Cat(path, ": offset 8: ", uint64_t{header.num_samples},
                                         " samples, expected fewer than ", kMaxSamples));
  }
  if (header.alloc_table_offset == 0) {
    return Fail(ErrorKind::kTruncated,
                Cat(path, ": offset 16: no allocation table: the file was never finished"));
  }
  return header;
}

// The table reaches to the end of the file and has a row for every payload.
Result<Extent> ParseTableExtent(Bytes file, const RawHeader& header, const Schema& schema,
                                uint64_t rows_end, const std::string& path) {
  const uint64_t offset = header.alloc_table_offset;
  if (offset > file.size()) {
    return Fail(ErrorKind::kTruncated,
                Cat(path, ": ends at ", file.size(), ", the allocation table starts at ", offset));
  }
  if (offset < rows_end) {
    return Fail(ErrorKind::kCorrupt,
                Cat(path, ": offset 16: the allocation table starts at ", offset,
                    ", inside the metadata, which ends at ", rows_end));
  }
  const uint64_t size = file.size() - offset;
  if (size % sizeof(RawTableRow) != 0) {
    return Fail(ErrorKind::kCorrupt, Cat(path, ": the allocation table at ", offset, " is ", size,
                                         " bytes long, not a multiple of ", sizeof(RawTableRow)));
  }
  const uint64_t num_payloads = header.num_samples * uint64_t{schema.num_payloads()};
  if (size / sizeof(RawTableRow) < num_payloads) {
    return Fail(ErrorKind::kTruncated,
                Cat(path, ": the allocation table at ", offset, " has ", size / sizeof(RawTableRow),
                    " rows, the samples have ", num_payloads, " payloads"));
  }
  return Extent{offset, size};
}

Result<Layout> ParseLayout(Bytes file, const std::string& path) {
  Layout layout;
  ASSIGN_OR_RETURN(layout.header, ParseHeader(file, path));
  const uint16_t num_fields = layout.header.num_fields;
  const uint64_t descriptors_size = num_fields * sizeof(RawFieldDescriptor);
  const auto descriptors = Slice(file, sizeof(RawHeader), descriptors_size);
  if (!descriptors) {
    return Fail(ErrorKind::kTruncated,
                Cat(path, ": ends at ", file.size(), ", inside the descriptors of ", num_fields,
                    " fields, which end at ", sizeof(RawHeader) + descriptors_size));
  }
  ASSIGN_OR_RETURN(layout.schema, Schema::Parse(*descriptors, num_fields, path));

  // Divided and not multiplied: 2^45 rows of 65,535 fields would not fit 64 bits.
  const uint64_t num_samples = layout.header.num_samples;
  const uint64_t rows_offset = sizeof(RawHeader) + descriptors_size;
  const uint64_t room = file.size() - rows_offset;
  if (num_samples > room / layout.schema.row_size_bytes()) {
    return Fail(ErrorKind::kTruncated,
                Cat(path, ": ends at ", file.size(), ", inside the metadata of ", num_samples,
                    " samples of ", layout.schema.row_size_bytes(), " bytes, which starts at ",
                    rows_offset));
  }
  layout.rows = {rows_offset, num_samples * layout.schema.row_size_bytes()};
  const uint64_t rows_end = rows_offset + layout.rows.size;
  ASSIGN_OR_RETURN(layout.table,
                   ParseTableExtent(file, layout.header, layout.schema, rows_end, path));
  return layout;
}

}  // namespace

Dataset::Dataset(MappedFile file) : file_(std::move(file)) {}
Dataset::~Dataset() = default;

Result<std::unique_ptr<Dataset>> Dataset::Open(const std::string& path) {
  ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
  return Open(std::move(file));
}

Result<std::unique_ptr<Dataset>> Dataset::Open(MappedFile file) {
  std::unique_ptr<Dataset> dataset(new Dataset(std::move(file)));
  const Bytes bytes = dataset->bytes();
  const std::string& path = dataset->path();
  ASSIGN_OR_RETURN(Layout layout, ParseLayout(bytes, path));

  dataset->num_samples_ = layout.header.num_samples;
  dataset->page_size_bytes_ = layout.header.page_size_bytes;
  dataset->schema_ = std::move(layout.schema);
  dataset->rows_ = layout.rows;
  dataset->table_extent_ = layout.table;
  dataset->OpenIndex(layout.header);

  const IndexView* index = dataset->index();
  const uint64_t rows_end = layout.rows.offset + layout.rows.size;
  const uint64_t pages_end = index ? index->region().offset : layout.table.offset;
  dataset->pages_ = {rows_end, pages_end - rows_end};
  dataset->table_ = std::make_unique<SampleTable>(
      *Slice(bytes, layout.table.offset, layout.table.size), layout.table.offset,
      dataset->num_samples_, dataset->schema_.num_payloads(),
      index ? &index->checks(ProtectedRange::kTable) : nullptr, path);
  return dataset;
}

// A file of ours has exactly one row per payload, so that rows are found by arithmetic.
void Dataset::OpenIndex(const RawHeader& header) {
  auto index = IndexView::Open(bytes(), header, rows_, table_extent_, path());
  if (!index) {
    index_error_ = std::make_unique<Error>(std::move(index).error());
    return;
  }
  const uint64_t num_rows = table_extent_.size / sizeof(RawTableRow);
  if (*index && num_rows != num_samples_ * schema_.num_payloads()) {
    index_error_ = std::make_unique<Error>(
        Error{ErrorKind::kCorrupt,
              Cat(path(), ": the allocation table at ", table_extent_.offset, " has ", num_rows,
                  " rows, expected ", num_samples_ * schema_.num_payloads())});
    return;
  }
  index_ = std::move(*index);
}

Result<Bytes> Dataset::Row(SampleIndex sample) const {
  if (Number(sample) >= num_samples_) {
    return Fail(ErrorKind::kInvalidArgument,
                Cat(path(), ": no sample ", Number(sample), ", there are ", num_samples_));
  }
  const uint64_t row_size = schema_.row_size_bytes();
  const uint64_t offset = Number(sample) * row_size;
  if (index_) RETURN_IF_ERROR(index_->checks(ProtectedRange::kRows).Touch(offset, row_size));
  return *Slice(bytes(), rows_.offset + offset, row_size);
}

namespace {

// What a cell says about its payload.
struct CellPromise {
  Payload payload;
  std::optional<uint64_t> size;  // nullopt: the table alone knows
};

CellPromise ReadPromise(Bytes row, const Field& field) {
  CellPromise promise{};
  promise.payload.offset = ReadPayloadOffset(row, field);
  switch (field.type) {
    case FieldType::kRgbImage: {
      const RawRgbCell cell = ReadRgb(row, field);
      promise.payload.is_jpeg = cell.mode == 0;
      promise.payload.width = cell.width;
      promise.payload.height = cell.height;
      if (cell.mode != 0) promise.size = uint64_t{cell.width} * cell.height * 3;
      break;
    }
    case FieldType::kBytes:
    case FieldType::kJson:
      promise.size = ReadBytesCell(row, field).payload_size_bytes;
      break;
    case FieldType::kNdArray:
    case FieldType::kTorchTensor:
      promise.size = field.array.payload_size_bytes;
      break;
    default:
      break;
  }
  return promise;
}

}  // namespace

Result<Payload> Dataset::PayloadOf(SampleIndex sample, const Field& field) const {
  assert(field.has_payload);
  ASSIGN_OR_RETURN(const Bytes row, Row(sample));
  auto [payload, promised_size] = ReadPromise(row, field);
  ASSIGN_OR_RETURN(const uint64_t size, table_->PayloadSize(sample, field.payload_number,
                                                            payload.offset, promised_size));
  // FFCV gives zero-length payloads any offset it has at hand, inside the metadata even.
  const Extent allowed = size == 0 ? Extent{0, bytes().size()} : pages_;
  const auto inside = Slice(bytes().first(allowed.offset + allowed.size), payload.offset, size);
  if (!inside || payload.offset < allowed.offset) {
    return Fail(ErrorKind::kCorrupt,
                Cat(path(), ": sample ", Number(sample), ": field \"", field.name, "\" lies at ",
                    payload.offset, " with ", size, " bytes, outside the pages at ", pages_.offset,
                    " to ", pages_.offset + pages_.size));
  }
  payload.bytes = *inside;
  return payload;
}

bool Dataset::samples_ascend() const {
  if (index_) return true;
  std::call_once(ascend_checked_, [this] {
    if (schema_.num_payloads() == 0) return;
    const Field& first = schema_.payload_field(0);
    uint64_t previous = 0;
    for (uint64_t i = 0; i < num_samples_; ++i) {
      const auto row = Row(SampleIndex{i});
      const uint64_t offset = ReadPayloadOffset(*row, first);  // no checksum can fail: no index
      if (offset < previous) return;
      previous = offset;
    }
    samples_ascend_ = true;
  });
  return samples_ascend_;
}

// The first sample whose first payload starts at `offset` or later.
Result<uint64_t> Dataset::FirstSampleFrom(uint64_t offset) const {
  const Field& first = schema_.payload_field(0);
  uint64_t low = 0, high = num_samples_;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    ASSIGN_OR_RETURN(const Bytes row, Row(SampleIndex{middle}));
    if (ReadPayloadOffset(row, first) < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

Result<SampleRange> Dataset::SamplesIn(Extent extent) const {
  if (schema_.num_payloads() == 0 || !samples_ascend()) {
    return Fail(ErrorKind::kUnsupported, Cat(path(), ": samples do not ascend with their offsets"));
  }
  uint64_t end = 0;
  if (__builtin_add_overflow(extent.offset, extent.size, &end)) end = ~uint64_t{0};
  ASSIGN_OR_RETURN(const uint64_t first, FirstSampleFrom(extent.offset));
  ASSIGN_OR_RETURN(const uint64_t last, FirstSampleFrom(end));
  return SampleRange{first, std::max(first, last) - first};  // a hostile file may not be sorted
}

}  // namespace betonfs
