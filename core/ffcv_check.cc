#include "core/ffcv_check.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "core/dtype.h"
#include "core/escape_name.h"
#include "core/finding_list.h"
#include "core/jpeg_decode.h"
#include "core/jpeg_header.h"
#include "core/parallel.h"
#include "core/table_check.h"
#include "core/text.h"
#include "core/working_memory.h"

namespace betonfs {
namespace {

// QUASI_RANDOM allocates an array of pages times samples of the fullest page.
constexpr uint64_t kMuchMemoryBytes = uint64_t{1} << 30;
constexpr uint64_t kTooMuchMemoryBytes = uint64_t{16} << 30;

bool IsArray(const Field& field) {
  return field.type == FieldType::kNdArray || field.type == FieldType::kTorchTensor;
}

// Why FFCV's loader cannot deliver arrays of this dtype; nullptr if it can.
const char* TroubleWithDtype(std::string_view plain) {
  const char order = plain[0];
  const std::string_view code = plain.substr(1);
  if (code == "f2") return "float16 fails inside numba, and the Loader hangs";
  if (order == '>') return "torch has no big-endian numbers";
  if (code == "u2" || code == "u4" || code == "u8")
    return "torch lacks unsigned integers but uint8";
  if (code == "f16" || code == "c32") return "torch lacks 128-bit floats";
  switch (code[0]) {
    case 'S':
    case 'U':
      return "torch has no strings";
    case 'M':
    case 'm':
      return "torch has no times";
    case 'V':
      return "torch has no raw bytes";
    default:
      return nullptr;
  }
}

std::string DecoderOf(const Field& field) {
  switch (field.type) {
    case FieldType::kFloat:
      return "FloatDecoder";
    case FieldType::kInt:
      return "IntDecoder";
    case FieldType::kRgbImage:
      return "SimpleRGBImageDecoder";
    case FieldType::kBytes:
    case FieldType::kJson:
      return "BytesDecoder";
    case FieldType::kNdArray:
    case FieldType::kTorchTensor:
      return "NDArrayDecoder";
    case FieldType::kCustom:
      return "its own";
  }
  return "";
}

struct SizeRange {
  uint16_t min_width = UINT16_MAX, max_width = 0;
  uint16_t min_height = UINT16_MAX, max_height = 0;

  void Add(uint16_t width, uint16_t height) {
    min_width = std::min(min_width, width);
    max_width = std::max(max_width, width);
    min_height = std::min(min_height, height);
    max_height = std::max(max_height, height);
  }
  void Merge(const SizeRange& other) {
    if (other.max_width < other.min_width) return;  // nothing was added
    Add(other.min_width, other.min_height);
    Add(other.max_width, other.max_height);
  }
  bool IsOneSize() const { return min_width >= max_width && min_height >= max_height; }
};

// What one thread has seen.
struct FfcvTally {
  FfcvTally(uint64_t max_findings, size_t num_fields)
      : findings(max_findings), bad_by_field(num_fields), sizes(num_fields) {}

  void Merge(FfcvTally other) {
    findings.Merge(std::move(other.findings));
    num_bad_samples += other.num_bad_samples;
    num_past_page += other.num_past_page;
    num_images += other.num_images;
    num_bad_images += other.num_bad_images;
    for (size_t i = 0; i < sizes.size(); ++i) {
      bad_by_field[i] += other.bad_by_field[i];
      sizes[i].Merge(other.sizes[i]);
    }
  }

  FindingList findings;
  uint64_t num_bad_samples = 0;
  uint64_t num_past_page = 0;  // payloads that reach over a page boundary
  uint64_t num_images = 0;
  uint64_t num_bad_images = 0;
  std::vector<uint64_t> bad_by_field;
  std::vector<SizeRange> sizes;
};

// What a thread needs to look into images.
struct Decoders {
  JpegHeaderParser header;
  JpegDecoder pixels;
};

class FfcvChecker {
 public:
  FfcvChecker(const Dataset& dataset, const FfcvCheckOptions& options)
      : dataset_(dataset),
        schema_(dataset.schema()),
        options_(options),
        total_(options.max_findings, schema_.fields().size()) {}

  Result<FfcvReport> Run();

 private:
  void CheckFields();
  void CheckArrayField(const Field& field, FfcvField& verdict);
  void CheckSamples();
  void CheckSample(SampleIndex sample, Decoders& decoders, FfcvTally& tally) const;
  void CheckPlace(SampleIndex sample, const Field& field, const Payload& payload,
                  FfcvTally& tally) const;
  void CheckImage(SampleIndex sample, const Field& field, const Payload& payload,
                  Decoders& decoders, FfcvTally& tally) const;
  std::optional<Finding> FindBadImage(SampleIndex sample, const Payload& payload,
                                      Decoders& decoders) const;
  void CheckRows();
  void CheckSharedOffsets();
  void CheckImageSizes();
  void DecideModes();
  std::string TroubleWith(const FfcvMode& mode) const;
  bool IsCancelled() const { return options_.cancel && *options_.cancel; }

  void AddFileFinding(Severity severity, const char* kind, const std::string& message);
  Finding OfSample(SampleIndex sample, const char* kind, std::string_view message) const;

  const Dataset& dataset_;
  const Schema& schema_;
  const FfcvCheckOptions& options_;
  FfcvReport report_;
  FfcvTally total_;
  bool has_name_clash_ = false;
  uint64_t num_shared_offsets_ = 0;
  uint64_t num_two_pages_ = 0;
  uint64_t quasi_memory_bytes_ = 0;
};

Result<FfcvReport> FfcvChecker::Run() {
  RETURN_IF_ERROR(CheckWorkingMemory(dataset_.table().num_rows() * sizeof(TableEntry),
                                     WorkingMemoryLimitBytes(), dataset_.path(),
                                     "checking its allocation table"));
  CheckFields();
  CheckSamples();
  if (IsCancelled())
    return Fail(ErrorKind::kCancelled, Cat(dataset_.path(), ": check interrupted"));
  CheckRows();
  CheckSharedOffsets();
  CheckImageSizes();
  DecideModes();
  report_.num_findings = total_.findings.count();
  report_.findings = total_.findings.Take();
  report_.num_images = total_.num_images;
  report_.num_bad_images = total_.num_bad_images;
  return std::move(report_);
}

void FfcvChecker::AddFileFinding(Severity severity, const char* kind, const std::string& message) {
  total_.findings.Add(severity, [&] {
    return Finding{{}, kind, Cat(dataset_.path(), ": ", message), {}, {}};
  });
}

Finding FfcvChecker::OfSample(SampleIndex sample, const char* kind,
                              std::string_view message) const {
  Finding finding{
      {}, kind, Cat(dataset_.path(), ": sample ", Number(sample), ": ", message), sample, {}};
  if (!dataset_.index()) return finding;
  if (auto path = dataset_.index()->PathOf(sample)) {
    finding.message += Cat(" (", EscapeName(*path), ")");
    finding.path = std::move(*path);
  }
  return finding;
}

// ---- The schema

void FfcvChecker::CheckFields() {
  for (const Field& field : schema_.fields()) {
    FfcvField verdict{field.name, DecoderOf(field)};
    if (schema_.Find(field.name) != &field) {
      has_name_clash_ = true;
      verdict.works = false;
      verdict.why_not = "another field has the same 16 bytes of name";
      AddFileFinding(Severity::kWarning, "field_name",
                     Cat("two fields are called \"", EscapeName(field.name),
                         "\": FFCV takes them for one, computes a shorter record and reads "
                         "garbage without an error"));
    }
    if (field.type == FieldType::kCustom) {
      AddFileFinding(
          Severity::kNote, "load",
          Cat("field \"", EscapeName(field.name),
              "\" is custom: FFCV loads the file only if custom_fields names its class"));
    }
    if (IsArray(field)) CheckArrayField(field, verdict);
    report_.fields.push_back(std::move(verdict));
  }
}

void FfcvChecker::CheckArrayField(const Field& field, FfcvField& verdict) {
  const std::string name = Cat("field \"", EscapeName(field.name), "\": ");
  const auto does_not_load = [&](std::string_view why) {
    report_.loads = verdict.works = false;
    verdict.why_not = why;
    if (report_.why_not.empty()) report_.why_not = name + std::string(why);
    AddFileFinding(Severity::kWarning, "load", Cat(name, why, ": FFCV does not load the file"));
  };
  const auto dtype = ParseDtype(field.array.descr);
  if (!dtype || dtype->plain.empty()) return does_not_load("its dtype is structured");
  if (field.array.shape.back() == 0) return does_not_load("its shape has no dimension above zero");
  const char* trouble = TroubleWithDtype(dtype->plain);
  if (!trouble && field.array.payload_size_bytes == 0) trouble = "its arrays have no elements";
  if (!trouble) return;
  verdict.works = false;
  verdict.why_not = trouble;
  AddFileFinding(Severity::kWarning, "dtype",
                 Cat(name, dtype->plain, " does not come through FFCV's Loader: ", trouble));
}

// ---- The samples

void FfcvChecker::CheckSamples() {
  const uint64_t num_samples = dataset_.num_samples();
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  const auto work = [&](unsigned) {
    FfcvTally tally(options_.max_findings, schema_.fields().size());
    Decoders decoders;
    for (;;) {
      const uint64_t first = next.fetch_add(kSamplesPerTurn, std::memory_order_relaxed);
      if (first >= num_samples || IsCancelled()) break;
      const uint64_t count = std::min(kSamplesPerTurn, num_samples - first);
      for (uint64_t i = first; i < first + count; ++i) {
        CheckSample(SampleIndex{i}, decoders, tally);
      }
      if (options_.progress) options_.progress(count, 0);
    }
    const std::lock_guard lock(mutex);
    total_.Merge(std::move(tally));
  };
  RunOnThreads(options_.num_threads ? options_.num_threads : DefaultNumThreads(), work);
}

void FfcvChecker::CheckSample(SampleIndex sample, Decoders& decoders, FfcvTally& tally) const {
  bool whole = true;
  for (uint32_t k = 0; k < schema_.num_payloads(); ++k) {
    const Field& field = schema_.payload_field(k);
    const auto payload = dataset_.PayloadOf(sample, field);
    if (!payload) {
      whole = false;
      tally.findings.Add(Severity::kWarning, [&] {
        return OfSample(sample, "bad_sample",
                        Cat("FFCV reads other bytes without an error: ", payload.error().message));
      });
      continue;
    }
    CheckPlace(sample, field, *payload, tally);
    if (field.type == FieldType::kRgbImage) CheckImage(sample, field, *payload, decoders, tally);
    if (field.type != FieldType::kJson || payload->bytes.empty()) continue;
    const size_t nul = AsText(payload->bytes).find('\0');
    if (nul + 1 == payload->bytes.size()) continue;
    tally.findings.Add(Severity::kWarning, [&] {
      return OfSample(sample, "json_nul",
                      nul == std::string_view::npos
                          ? Cat("its JSON has no closing NUL: JSONField.unpack may fail")
                          : Cat("its JSON has a NUL at ", nul, " of ", payload->bytes.size(),
                                " bytes: JSONField.unpack cuts it there"));
    });
  }
  tally.num_bad_samples += !whole;
}

void FfcvChecker::CheckPlace(SampleIndex sample, const Field& field, const Payload& payload,
                             FfcvTally& tally) const {
  const uint64_t size = payload.bytes.size();
  if (size == 0) return;
  const uint64_t page = dataset_.PageOf(payload.offset);
  if (dataset_.PageOf(payload.offset + size - 1) == page) return;
  ++tally.num_past_page;
  const bool is_oversize = size > dataset_.page_size_bytes();
  tally.findings.Add(Severity::kWarning, [&] {
    return OfSample(
        sample, is_oversize ? "oversize" : "crosses_page",
        Cat("field \"", EscapeName(field.name), "\" has ", size, " bytes at ", payload.offset,
            is_oversize ? ", more than a page of " : ", over the end of a page of ",
            dataset_.page_size_bytes(),
            ": right with os_cache=True, cut short without an error with "
            "os_cache=False"));
  });
}

void FfcvChecker::CheckImage(SampleIndex sample, const Field& field, const Payload& payload,
                             Decoders& decoders, FfcvTally& tally) const {
  const uint16_t number = schema_.NumberOf(field);
  ++tally.num_images;
  tally.sizes[number].Add(payload.width, payload.height);
  if (!payload.is_jpeg) return;
  auto bad = FindBadImage(sample, payload, decoders);
  if (!bad) return;
  ++tally.num_bad_images;
  ++tally.bad_by_field[number];
  tally.findings.Add(Severity::kWarning, [&] { return std::move(*bad); });
}

std::optional<Finding> FfcvChecker::FindBadImage(SampleIndex sample, const Payload& payload,
                                                 Decoders& decoders) const {
  constexpr std::string_view kStale =
      ": FFCV delivers the pixels of an earlier sample in its place, without an error";
  const JpegHeader header = decoders.header.Parse(payload.bytes);
  if (header.state != JpegHeader::State::kJpeg) {
    return OfSample(sample, "not_jpeg", Cat("its image is not a JPEG that decodes", kStale));
  }
  if (!header.IsDecodableByFfcv()) {
    return OfSample(sample, "cmyk",
                    Cat("its JPEG has ", header.num_components, " components (CMYK)", kStale));
  }
  if (header.width != payload.width || header.height != payload.height) {
    return OfSample(
        sample, "dimensions",
        Cat("its cell says ", payload.width, " x ", payload.height, ", its JPEG is ", header.width,
            " x ", header.height, ": FFCV delivers wrongly pitched or partly filled pixels"));
  }
  if (!options_.decode) return std::nullopt;
  const JpegDecodeResult decoded = decoders.pixels.Decode(payload.bytes);
  switch (decoded.state) {
    case JpegDecodeResult::State::kWhole:
      return std::nullopt;
    case JpegDecodeResult::State::kDamaged:
      return OfSample(sample, "damaged_jpeg",
                      Cat("its JPEG is damaged, part of the picture is wrong: ", decoded.message));
    default:
      return OfSample(sample, "undecodable",
                      Cat("its JPEG does not decode (", decoded.message, ")", kStale));
  }
}

// ---- The table

// Which pages QUASI_RANDOM will think the samples are on: it goes by the rows alone.
void FfcvChecker::CheckRows() {
  if (schema_.num_payloads() == 0) return;
  const uint64_t num_file_pages = dataset_.PageOf(dataset_.bytes().size()) + 1;
  std::vector<uint64_t> rows_of_page(num_file_pages);
  uint64_t last_page = 0;
  for (uint64_t i = 0; i < dataset_.table().num_rows(); ++i) {
    const auto row = dataset_.table().Row(i);
    if (!row) continue;  // its block's checksum fails: a bad sample
    const uint64_t page = dataset_.PageOf(row->payload_offset);
    last_page = std::max(last_page, page);
    if (page < num_file_pages) ++rows_of_page[page];
    const SampleIndex sample{uint64_t{row->sample}};
    const auto cells = dataset_.Row(sample);
    if (!cells) continue;  // a sample that is not there: allowed
    const uint64_t home = dataset_.PageOf(ReadPayloadOffset(*cells, schema_.payload_field(0)));
    if (page == home) continue;
    ++num_two_pages_;
    total_.findings.Add(Severity::kWarning, [&] {
      return OfSample(sample, "two_pages",
                      Cat("has payloads on the pages ", home, " and ", page,
                          ": QUASI_RANDOM delivers it twice and others never"));
    });
  }
  const uint64_t fullest = *std::max_element(rows_of_page.begin(), rows_of_page.end());
  // Several rows of a sample on its page count once there.
  const uint64_t samples = std::max<uint64_t>(1, fullest / schema_.num_payloads());
  if (__builtin_mul_overflow(samples * sizeof(int64_t), last_page + 1, &quasi_memory_bytes_)) {
    quasi_memory_bytes_ = ~uint64_t{0};
  }
  if (quasi_memory_bytes_ < kMuchMemoryBytes) return;
  AddFileFinding(quasi_memory_bytes_ < kTooMuchMemoryBytes ? Severity::kNote : Severity::kWarning,
                 "quasi_memory",
                 Cat("QUASI_RANDOM allocates ", quasi_memory_bytes_ >> 20, " MiB: ", last_page + 1,
                     " pages times ", samples, " samples on the fullest"));
}

// FFCV finds sizes by offset alone.
void FfcvChecker::CheckSharedOffsets() {
  const std::vector<TableEntry> rows = SortedRows(dataset_);
  for (size_t i = 1; i < rows.size(); ++i) {
    const TableEntry& a = rows[i - 1];
    const TableEntry& b = rows[i];
    if (a.offset != b.offset || a.size_bytes == b.size_bytes) continue;
    ++num_shared_offsets_;
    AddFileFinding(
        Severity::kWarning, "shared_offset",
        Cat("samples ", a.sample, " and ", b.sample, " have ", a.size_bytes, " and ", b.size_bytes,
            " bytes at one offset, ", b.offset, ": FFCV takes either size for both"));
  }
}

void FfcvChecker::CheckImageSizes() {
  for (const Field& field : schema_.fields()) {
    if (field.type != FieldType::kRgbImage) continue;
    const uint16_t number = schema_.NumberOf(field);
    FfcvField& verdict = report_.fields[number];
    if (!total_.sizes[number].IsOneSize()) {
      verdict.decoder = "RandomResizedCropRGBImageDecoder";
      AddFileFinding(Severity::kNote, "image_sizes",
                     Cat("field \"", EscapeName(field.name),
                         "\" has images of several sizes: the default SimpleRGBImageDecoder "
                         "refuses them, RandomResizedCropRGBImageDecoder and "
                         "CenterCropRGBImageDecoder take them"));
    }
    if (const uint64_t bad = total_.bad_by_field[number]; bad > 0 && verdict.works) {
      verdict.works = false;
      verdict.why_not = Cat(bad, " of its images come out wrong");
    }
  }
}

// ---- The verdict

void FfcvChecker::DecideModes() {
  size_t i = 0;
  for (const bool os_cache : {true, false}) {
    for (const FfcvOrder order :
         {FfcvOrder::kSequential, FfcvOrder::kRandom, FfcvOrder::kQuasiRandom}) {
      FfcvMode& mode = report_.modes[i++];
      mode.os_cache = os_cache;
      mode.order = order;
      mode.why_not = TroubleWith(mode);
      mode.works = mode.why_not.empty();
    }
  }
}

std::string FfcvChecker::TroubleWith(const FfcvMode& mode) const {
  if (!report_.loads) return Cat("FFCV does not load the file: ", report_.why_not);
  if (has_name_clash_) return "two fields share a name, and every record is read wrongly";
  if (total_.num_bad_samples > 0) {
    return Cat(total_.num_bad_samples, " samples have payloads that cannot be found");
  }
  if (num_shared_offsets_ > 0) {
    return Cat(num_shared_offsets_, " offsets belong to payloads of different sizes");
  }
  if (!mode.os_cache && total_.num_past_page > 0) {
    return Cat(total_.num_past_page, " payloads reach over the end of a page and are cut there");
  }
  if (mode.order != FfcvOrder::kQuasiRandom) return "";
  if (dataset_.table().num_rows() == 0) return "nothing lies in pages: ValueError";
  if (num_two_pages_ > 0) {
    return Cat(num_two_pages_, " payloads lie on another page than the first of their sample");
  }
  if (quasi_memory_bytes_ >= kTooMuchMemoryBytes) {
    return Cat("it allocates ", quasi_memory_bytes_ >> 30, " GiB for its pages");
  }
  return "";
}

}  // namespace

const char* FfcvOrderName(FfcvOrder order) {
  switch (order) {
    case FfcvOrder::kSequential:
      return "SEQUENTIAL";
    case FfcvOrder::kRandom:
      return "RANDOM";
    case FfcvOrder::kQuasiRandom:
      return "QUASI_RANDOM";
  }
  return "unknown";
}

Result<FfcvReport> CheckForFfcv(const Dataset& dataset, const FfcvCheckOptions& options) {
  return FfcvChecker(dataset, options).Run();
}

}  // namespace betonfs
