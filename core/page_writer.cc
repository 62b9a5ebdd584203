#include "core/page_writer.h"

#include <fcntl.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <mutex>
#include <optional>
#include <vector>

#include "core/block_checks.h"
#include "core/file.h"
#include "core/parallel.h"
#include "core/xxh3_stream.h"

namespace betonfs {
namespace {

// Samples [first, first + count) together fit a buffer, or are one that does not.
struct Unit {
  uint64_t first = 0;
  uint64_t count = 0;
};

// Everything the workers share.
struct Job {
  int fd;
  const std::string& path;
  SampleSource& source;
  const PageLayout& layout;
  const PageRecords& records;
  const WriteOptions& options;
  std::span<const uint64_t> sizes;
  uint32_t num_payloads;
  std::vector<Unit> units;

  std::atomic<uint64_t> next_unit{0};
  std::atomic<bool> failed{false};
  std::mutex error_mutex{};
  uint64_t error_sample = ~uint64_t{0};  // guarded, as the error is
  std::optional<Error> error = std::nullopt;

  uint64_t FirstOffset(uint64_t sample) const { return layout.OffsetOf(sample * num_payloads); }
  uint64_t EndOffset(uint64_t sample) const {
    const uint64_t last = sample * num_payloads + num_payloads - 1;
    return layout.OffsetOf(last) + sizes[last];
  }
  bool IsStopped() const {
    return failed.load(std::memory_order_relaxed) ||
           (options.cancel != nullptr && options.cancel->load(std::memory_order_relaxed));
  }
  // Of several failures the one of the first sample is told.
  void Failed(uint64_t sample, Error why) {
    const std::lock_guard lock(error_mutex);
    if (sample < error_sample) {
      error_sample = sample;
      error = std::move(why);
    }
    failed.store(true, std::memory_order_relaxed);
  }
};

std::vector<Unit> CutIntoUnits(const Job& job, uint64_t num_samples, uint64_t unit_size) {
  std::vector<Unit> units;
  for (uint64_t first = 0; first < num_samples;) {
    uint64_t end = first + 1;
    while (end < num_samples && job.EndOffset(end) - job.FirstOffset(first) <= unit_size) ++end;
    units.push_back({first, end - first});
    first = end;
  }
  return units;
}

// Writes the place and size of each payload into its cell.
void WritePayloadCells(const Job& job, uint64_t sample, MutableBytes row) {
  for (const Field& field : job.source.schema().fields()) {
    if (!field.has_payload) continue;
    const uint64_t payload = sample * job.num_payloads + field.payload_number;
    const uint64_t offset = job.layout.OffsetOf(payload);
    switch (field.type) {
      case FieldType::kRgbImage:
        WriteRgb(row, field, {.mode = 0, .width = 0, .height = 0, .payload_offset = offset});
        break;
      case FieldType::kBytes:
      case FieldType::kJson:
        WriteBytesCell(row, field, {offset, job.sizes[payload]});
        break;
      default:
        WriteArrayCell(row, field, offset);
    }
  }
}

class Worker {
 public:
  explicit Worker(Job& job)
      : job_(job),
        reader_(job.source.NewReader()),
        buffer_size_(job.options.unit_size_bytes),
        buffer_(std::make_unique_for_overwrite<std::byte[]>(buffer_size_ + 1)) {}

  void Run() {
    while (!job_.IsStopped()) {
      const uint64_t number = job_.next_unit.fetch_add(1, std::memory_order_relaxed);
      if (number >= job_.units.size()) return;
      const Unit& unit = job_.units[number];
      const Status status = Write(unit);
      if (!status) job_.Failed(sample_, status.error());
    }
  }

 private:
  Status Write(const Unit& unit) {
    sample_ = unit.first;
    const uint64_t start = job_.FirstOffset(unit.first);
    const uint64_t size = job_.EndOffset(unit.first + unit.count - 1) - start;
    if (size > buffer_size_) return StreamSample();
    uint64_t filled = 0;
    payload_bytes_ = 0;
    for (; sample_ < unit.first + unit.count; ++sample_) {
      RETURN_IF_ERROR(FillSample(start, filled));
    }
    sample_ = unit.first;
    RETURN_IF_ERROR(Flush(start, size));
    Report(unit.count, payload_bytes_);
    return {};
  }

  // Reads the payloads of sample_ into the buffer, whose front is the file's offset `start`.
  // `filled` is how far the buffer is filled; what is between payloads becomes zero.
  Status FillSample(uint64_t start, uint64_t& filled) {
    if (job_.num_payloads > 1) hash_.Reset();
    uint64_t hash = 0;
    for (uint32_t k = 0; k < job_.num_payloads; ++k) {
      const uint64_t payload = sample_ * job_.num_payloads + k;
      const uint64_t at = job_.layout.OffsetOf(payload) - start;
      const uint64_t size = job_.sizes[payload];
      if (at > filled) std::memset(&buffer_[filled], 0, at - filled);
      const MutableBytes room(&buffer_[at], size + 1);
      RETURN_IF_ERROR(reader_->Read({SampleIndex{sample_}, k, 0, size, true}, room));
      filled = at + size;
      payload_bytes_ += size;
      if (job_.num_payloads > 1) {
        hash_.Update(room.first(size));
      } else {
        hash = Xxh3(room.first(size));
      }
    }
    return FinishSample(job_.num_payloads > 1 ? hash_.Digest() : hash);
  }

  // A sample larger than the buffer goes through it in parts.
  Status StreamSample() {
    hash_.Reset();
    for (uint32_t k = 0; k < job_.num_payloads; ++k) {
      const uint64_t payload = sample_ * job_.num_payloads + k;
      const uint64_t total = job_.sizes[payload];
      uint64_t done = 0;
      do {
        if (job_.IsStopped()) return {};  // whoever stopped the job says why
        const uint64_t size = std::min(total - done, buffer_size_);
        const MutableBytes room(buffer_.get(), size + 1);
        RETURN_IF_ERROR(
            reader_->Read({SampleIndex{sample_}, k, done, size, done + size == total}, room));
        hash_.Update(room.first(size));
        RETURN_IF_ERROR(Flush(job_.layout.OffsetOf(payload) + done, size));
        Report(0, size);
        done += size;
      } while (done < total);
    }
    Report(1, 0);
    return FinishSample(hash_.Digest());
  }

  Status FinishSample(uint64_t hash) {
    job_.records.xxh3[sample_] = hash;
    const uint64_t row_size = job_.source.schema().row_size_bytes();
    const MutableBytes row = job_.records.rows.subspan(sample_ * row_size, row_size);
    WritePayloadCells(job_, sample_, row);
    return reader_->Describe(SampleIndex{sample_}, row);
  }

  Status Flush(uint64_t offset, uint64_t size) {
    RETURN_IF_ERROR(WriteAt(job_.fd, Bytes(buffer_.get(), size), offset, job_.path));
    // Lets the device start now, so that the fsync at the end has little left to wait for.  Only a
    // hint: where it is not supported nothing is lost.
    sync_file_range(job_.fd, static_cast<off_t>(offset), static_cast<off_t>(size),
                    SYNC_FILE_RANGE_WRITE);
    return {};
  }

  void Report(uint64_t num_samples, uint64_t num_bytes) {
    if (job_.options.on_progress) job_.options.on_progress(num_samples, num_bytes);
  }

  Job& job_;
  const std::unique_ptr<SampleReader> reader_;
  const uint64_t buffer_size_;
  const std::unique_ptr<std::byte[]> buffer_;
  Xxh3Stream hash_;
  uint64_t sample_ = 0;         // being worked on
  uint64_t payload_bytes_ = 0;  // of the unit so far
};

// Samples without payloads have rows all the same.
Status DescribeAll(SampleSource& source, MutableBytes rows, std::span<uint64_t> xxh3) {
  const auto reader = source.NewReader();
  const uint64_t row_size = source.schema().row_size_bytes();
  for (uint64_t i = 0; i < source.num_samples(); ++i) {
    xxh3[i] = Xxh3(Bytes());
    RETURN_IF_ERROR(reader->Describe(SampleIndex{i}, rows.subspan(i * row_size, row_size)));
  }
  return {};
}

}  // namespace

Status WritePages(int fd, const std::string& path, SampleSource& source, const PageLayout& layout,
                  const PageRecords& records, const WriteOptions& options) {
  assert(options.unit_size_bytes > 0 && options.unit_size_bytes <= kMaxUnitSizeBytes);
  const uint32_t num_payloads = source.schema().num_payloads();
  if (num_payloads == 0) return DescribeAll(source, records.rows, records.xxh3);
  Job job{.fd = fd,
          .path = path,
          .source = source,
          .layout = layout,
          .records = records,
          .options = options,
          .sizes = source.payload_sizes(),
          .num_payloads = num_payloads,
          .units = {}};
  job.units = CutIntoUnits(job, source.num_samples(), options.unit_size_bytes);
  const uint64_t num_threads = std::min<uint64_t>(options.num_threads, job.units.size());
  RunOnThreads(static_cast<unsigned>(num_threads), [&job](unsigned) { Worker(job).Run(); });
  if (job.error) return tl::unexpected(*std::move(job.error));
  if (job.IsStopped()) return Fail(ErrorKind::kCancelled, path + ": interrupted, nothing written");
  return {};
}

}  // namespace betonfs
