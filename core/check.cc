#include "core/check.h"

#include <algorithm>
#include <compare>
#include <cstring>
#include <mutex>
#include <optional>

#include "core/escape_name.h"
#include "core/finding_list.h"
#include "core/parallel.h"
#include "core/table_check.h"
#include "core/text.h"
#include "core/working_memory.h"
#include "core/xxh3_stream.h"

namespace betonfs {
namespace {

constexpr uint64_t kUnknown = ~uint64_t{0};  // where a payload that cannot be found ends

std::optional<size_t> FirstNonZero(Bytes bytes) {
  // Equal to itself moved by one: all bytes are like the first.
  if (bytes.empty() || (bytes[0] == std::byte{0} &&
                        std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0)) {
    return std::nullopt;
  }
  const auto bad =
      std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; });
  return static_cast<size_t>(bad - bytes.begin());
}

// What one thread has seen.
struct CheckTally {
  explicit CheckTally(uint64_t max_findings) : findings(max_findings) {}

  FindingList findings;
  std::vector<TableEntry> used_rows;  // of plain files
  uint64_t num_damaged_samples = 0;
  uint64_t num_payload_bytes = 0;
};

class Checker {
 public:
  Checker(const Dataset& dataset, const CheckOptions& options)
      : dataset_(dataset), index_(dataset.index()), options_(options) {}

  Result<CheckReport> Run();

 private:
  void CheckIndex(CheckTally& tally) const;
  void CheckNames(CheckTally& tally) const;
  void CheckSamples(CheckTally& total);
  void CheckTurn(uint64_t first, uint64_t count, CheckTally& tally) const;
  // Whether the sample is whole.  `previous_end`: where the payload before it ends, or kUnknown.
  bool CheckSample(SampleIndex sample, uint64_t& previous_end, CheckTally& tally) const;
  bool CheckRecord(SampleIndex sample, uint64_t found_xxh3, const Payload& first,
                   CheckTally& tally) const;
  bool CheckPlace(SampleIndex sample, const Payload& payload, uint64_t& previous_end,
                  CheckTally& tally) const;
  void CheckGap(uint64_t start, uint64_t end, CheckTally& tally) const;
  uint64_t EndOfSample(uint64_t sample) const;
  bool IsCancelled() const { return options_.cancel && *options_.cancel; }

  Finding OfSample(SampleIndex sample, const char* kind, std::string message) const;

  const Dataset& dataset_;
  const IndexView* index_;
  const CheckOptions& options_;
};

Result<CheckReport> Checker::Run() {
  if (!index_) {
    const uint64_t num_payloads = dataset_.num_samples() * dataset_.schema().num_payloads();
    const uint64_t num_entries = dataset_.table().num_rows() + num_payloads;
    RETURN_IF_ERROR(CheckWorkingMemory(num_entries * sizeof(TableEntry), WorkingMemoryLimitBytes(),
                                       dataset_.path(), "checking its allocation table"));
  }
  CheckTally total(options_.max_findings);
  CheckIndex(total);
  CheckNames(total);
  CheckSamples(total);
  if (IsCancelled())
    return Fail(ErrorKind::kCancelled, Cat(dataset_.path(), ": check interrupted"));
  if (!index_) CheckTable(dataset_, std::move(total.used_rows), total.findings);

  CheckReport report;
  report.num_findings = total.findings.count();
  report.num_warnings = total.findings.count(Severity::kWarning);
  report.num_damages = total.findings.count(Severity::kDamage);
  report.findings = total.findings.Take();
  report.num_samples = dataset_.num_samples();
  report.num_damaged_samples = total.num_damaged_samples;
  report.num_payload_bytes = total.num_payload_bytes;
  report.has_checksums = index_ != nullptr;
  return report;
}

void Checker::CheckIndex(CheckTally& tally) const {
  const auto add = [&](const char* kind, const std::string& message) {
    tally.findings.Add(Severity::kDamage, [&] { return Finding{{}, kind, message}; });
  };
  if (const Error* unusable = dataset_.index_error()) {
    add("index", unusable->message);
  } else if (!index_) {
    if (const auto trace = FindTrailerTrace(dataset_)) add("index", *trace);
  } else {
    for (const Error& error : index_->VerifyAll()) add("structure", error.message);
  }
}

void Checker::CheckNames(CheckTally& tally) const {
  const Schema& schema = dataset_.schema();
  for (const Field& field : schema.fields()) {
    if (schema.Find(field.name) == &field) continue;
    tally.findings.Add(Severity::kWarning, [&] {
      return Finding{
          {},
          "field_name",
          Cat(dataset_.path(), ": fields ", schema.NumberOf(*schema.Find(field.name)), " and ",
              schema.NumberOf(field), " are both called \"", EscapeName(field.name), "\""),
          {},
          {}};
    });
  }
}

void Checker::CheckSamples(CheckTally& total) {
  const uint64_t num_samples = dataset_.num_samples();
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  const auto work = [&](unsigned) {
    CheckTally tally(options_.max_findings);
    for (;;) {
      const uint64_t first = next.fetch_add(kSamplesPerTurn, std::memory_order_relaxed);
      if (first >= num_samples || IsCancelled()) break;
      const uint64_t count = std::min(kSamplesPerTurn, num_samples - first);
      const uint64_t bytes_before = tally.num_payload_bytes;
      CheckTurn(first, count, tally);
      if (options_.progress) options_.progress(count, tally.num_payload_bytes - bytes_before);
    }
    const std::lock_guard lock(mutex);
    total.findings.Merge(std::move(tally.findings));
    total.used_rows.insert(total.used_rows.end(), tally.used_rows.begin(), tally.used_rows.end());
    total.num_damaged_samples += tally.num_damaged_samples;
    total.num_payload_bytes += tally.num_payload_bytes;
  };
  RunOnThreads(options_.num_threads ? options_.num_threads : DefaultNumThreads(), work);
  if (!index_ || IsCancelled()) return;
  // Behind the last payload there is nothing.
  const Extent pages = dataset_.pages();
  const bool has_payloads = num_samples > 0 && dataset_.schema().num_payloads() > 0;
  const uint64_t end = has_payloads ? EndOfSample(num_samples - 1) : pages.offset;
  if (end != kUnknown) CheckGap(end, pages.offset + pages.size, total);
}

void Checker::CheckTurn(uint64_t first, uint64_t count, CheckTally& tally) const {
  uint64_t previous_end = kUnknown;
  if (index_) previous_end = first == 0 ? dataset_.pages().offset : EndOfSample(first - 1);
  for (uint64_t i = first; i < first + count; ++i) {
    tally.num_damaged_samples += !CheckSample(SampleIndex{i}, previous_end, tally);
  }
}

bool Checker::CheckSample(SampleIndex sample, uint64_t& previous_end, CheckTally& tally) const {
  const Schema& schema = dataset_.schema();
  bool whole = true;
  Payload first_payload{};
  Xxh3Stream hash;
  if (schema.num_payloads() == 0) whole = dataset_.Row(sample).has_value();
  for (uint32_t k = 0; k < schema.num_payloads(); ++k) {
    const auto payload = dataset_.PayloadOf(sample, schema.payload_field(k));
    if (!payload) {
      tally.findings.Add(Severity::kDamage,
                         [&] { return OfSample(sample, "sample", payload.error().message); });
      whole = false;
      previous_end = kUnknown;
      continue;
    }
    if (k == 0) first_payload = *payload;
    tally.num_payload_bytes += payload->bytes.size();
    if (index_) {
      whole = CheckPlace(sample, *payload, previous_end, tally) && whole;
      hash.Update(payload->bytes);
    } else {
      tally.used_rows.push_back({payload->offset, payload->bytes.size(), Number(sample)});
    }
  }
  if (!index_ || !whole) return whole;
  return CheckRecord(sample, hash.Digest(), first_payload, tally);
}

bool Checker::CheckRecord(SampleIndex sample, uint64_t found_xxh3, const Payload& first,
                          CheckTally& tally) const {
  const auto record = index_->SampleAt(sample);
  if (!record) {
    tally.findings.Add(Severity::kDamage,
                       [&] { return OfSample(sample, "sample", record.error().message); });
    return false;
  }
  if (found_xxh3 != record->xxh3) {
    tally.findings.Add(Severity::kDamage, [&] {
      return OfSample(sample, "contents",
                      Cat(dataset_.path(), ": sample ", Number(sample), " at ", first.offset,
                          ": the checksum of its contents is ", Hex(found_xxh3), ", expected ",
                          Hex(record->xxh3)));
    });
    return false;
  }
  // Where the one payload is the file that was packed, byte for byte, its size is stored twice.
  const Schema& schema = dataset_.schema();
  const bool is_file = schema.num_payloads() == 1 &&
                       (first.is_jpeg || schema.payload_field(0).type == FieldType::kBytes);
  if (is_file && record->size_bytes != first.bytes.size()) {
    tally.findings.Add(Severity::kDamage, [&] {
      return OfSample(
          sample, "size",
          Cat(dataset_.path(), ": sample ", Number(sample), " at ", first.offset, ": has ",
              first.bytes.size(), " bytes, its name says ", record->size_bytes));
    });
    return false;
  }
  return true;
}

bool Checker::CheckPlace(SampleIndex sample, const Payload& payload, uint64_t& previous_end,
                         CheckTally& tally) const {
  const bool is_known = previous_end != kUnknown;
  const bool in_order = !is_known || payload.offset >= previous_end;
  if (!in_order) {
    tally.findings.Add(Severity::kDamage, [&] {
      return OfSample(sample, "order",
                      Cat(dataset_.path(), ": sample ", Number(sample), ": a payload starts at ",
                          payload.offset, ", before the end of that before it at ", previous_end));
    });
  } else if (is_known) {
    CheckGap(previous_end, payload.offset, tally);
  }
  previous_end = payload.offset + payload.bytes.size();
  return in_order;
}

void Checker::CheckGap(uint64_t start, uint64_t end, CheckTally& tally) const {
  if (end <= start) return;
  const Bytes gap = *Slice(dataset_.bytes(), start, end - start);
  const auto bad = FirstNonZero(gap);
  if (!bad) return;
  tally.findings.Add(Severity::kDamage, [&] {
    return Finding{{},
                   "padding",
                   Cat(dataset_.path(), ": the byte at ", start + *bad, " between payloads is ",
                       std::to_integer<int>(gap[*bad]), ", expected 0"),
                   {},
                   {}};
  });
}

uint64_t Checker::EndOfSample(uint64_t sample) const {
  const Schema& schema = dataset_.schema();
  if (schema.num_payloads() == 0) return kUnknown;
  const auto payload =
      dataset_.PayloadOf(SampleIndex{sample}, schema.payload_field(schema.num_payloads() - 1));
  if (!payload) return kUnknown;
  return payload->offset + payload->bytes.size();
}

Finding Checker::OfSample(SampleIndex sample, const char* kind, std::string message) const {
  Finding finding{{}, kind, std::move(message), sample, {}};
  if (!index_) return finding;
  if (auto path = index_->PathOf(sample)) {
    finding.message += Cat(" (", EscapeName(*path), ")");
    finding.path = std::move(*path);
  }
  return finding;
}

}  // namespace

Result<CheckReport> Check(const Dataset& dataset, const CheckOptions& options) {
  return Checker(dataset, options).Run();
}

}  // namespace betonfs
