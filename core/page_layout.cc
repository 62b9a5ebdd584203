#include "core/page_layout.h"

#include <algorithm>
#include <bit>
#include <string>

namespace betonfs {
namespace {

// No file is longer, so that offsets fit off_t and sums of two offsets do not overflow.
constexpr uint64_t kMaxDatasetSizeBytes = uint64_t{1} << 62;

// A zero-length payload burns a byte: its offset is then no other payload's.
uint64_t FootprintBytes(uint64_t payload_size) { return std::max<uint64_t>(payload_size, 1); }

// What one sample takes from an aligned start; nullopt if that is longer than any file.
std::optional<uint64_t> SampleFootprintBytes(std::span<const uint64_t> sizes,
                                             uint64_t align_bytes) {
  uint64_t end = 0;
  for (const uint64_t size : sizes) {
    if (size > kMaxDatasetSizeBytes) return std::nullopt;
    end = AlignUp(end, align_bytes) + FootprintBytes(size);
    if (end > kMaxDatasetSizeBytes) return std::nullopt;
  }
  return end;
}

struct Totals {
  uint64_t largest_sample = 0;
  uint64_t all = 0;  // one sample after the other, each from an aligned start
};

Result<Totals> AddUp(std::span<const uint64_t> payload_sizes, uint32_t payloads_per_sample,
                     uint64_t align_bytes) {
  Totals totals;
  for (size_t first = 0; first < payload_sizes.size(); first += payloads_per_sample) {
    const auto sample =
        SampleFootprintBytes(payload_sizes.subspan(first, payloads_per_sample), align_bytes);
    if (sample) totals.all = AlignUp(totals.all, align_bytes) + *sample;
    if (!sample || totals.all > kMaxDatasetSizeBytes) {
      return Fail(ErrorKind::kInvalidArgument, "the samples up to number " +
                                                   std::to_string(first / payloads_per_sample) +
                                                   " are longer than a file can be");
    }
    totals.largest_sample = std::max(totals.largest_sample, *sample);
  }
  return totals;
}

Status CheckAlignment(uint32_t align_bytes) {
  if (std::has_single_bit(align_bytes) && align_bytes <= kMaxPageSizeBytes) return {};
  return Fail(ErrorKind::kInvalidArgument,
              "alignment " + std::to_string(align_bytes) + " is not a power of two up to the page");
}

Status CheckPageSize(uint32_t page_size_bytes, uint32_t align_bytes) {
  if (!std::has_single_bit(page_size_bytes) || page_size_bytes < kMinPageSizeBytes ||
      page_size_bytes > kMaxPageSizeBytes) {
    return Fail(ErrorKind::kInvalidArgument, "page size " + std::to_string(page_size_bytes) +
                                                 " is not a power of two from 4096 to 2147483648");
  }
  if (align_bytes > page_size_bytes) {
    return Fail(ErrorKind::kInvalidArgument, "alignment " + std::to_string(align_bytes) +
                                                 " is larger than the page, which is " +
                                                 std::to_string(page_size_bytes) + " bytes");
  }
  return {};
}

}  // namespace

uint32_t ChoosePageSize(uint64_t largest_sample_bytes, uint64_t total_bytes) {
  const uint64_t wanted = total_bytes <= kDefaultPageSizeBytes
                              ? std::max<uint64_t>(total_bytes, kMinPageSizeBytes)
                              : std::max<uint64_t>(largest_sample_bytes, kDefaultPageSizeBytes);
  if (wanted > kMaxAutoPageSizeBytes) return kMaxAutoPageSizeBytes;
  return static_cast<uint32_t>(std::bit_ceil(wanted));
}

Result<PageLayout> PageLayout::Plan(std::span<const uint64_t> payload_sizes,
                                    uint32_t payloads_per_sample, const LayoutOptions& options) {
  PageLayout layout;
  RETURN_IF_ERROR(CheckAlignment(options.align_bytes));
  if (options.rows_end > kMaxDatasetSizeBytes) {
    return Fail(ErrorKind::kInvalidArgument, "the rows are longer than a file can be");
  }
  Totals totals;
  if (payloads_per_sample > 0) {
    ASSIGN_OR_RETURN(totals, AddUp(payload_sizes, payloads_per_sample, options.align_bytes));
  }
  layout.page_size_bytes_ =
      options.page_size_bytes != 0
          ? options.page_size_bytes
          : std::max(ChoosePageSize(totals.largest_sample, totals.all), options.align_bytes);
  RETURN_IF_ERROR(CheckPageSize(layout.page_size_bytes_, options.align_bytes));
  layout.Place(payload_sizes, payloads_per_sample, options);
  return layout;
}

void PageLayout::Place(std::span<const uint64_t> payload_sizes, uint32_t payloads_per_sample,
                       const LayoutOptions& options) {
  pages_ = {options.rows_end, 0};
  if (payload_sizes.empty()) return;
  const uint64_t page_size = page_size_bytes_;
  const uint64_t align = options.align_bytes;
  const uint64_t start = AlignUp(options.rows_end, page_size);
  uint64_t end = start;  // of what is placed so far
  offsets_.reserve(payload_sizes.size());
  for (size_t first = 0; first < payload_sizes.size(); first += payloads_per_sample) {
    const auto sizes = payload_sizes.subspan(first, payloads_per_sample);
    const uint64_t footprint = *SampleFootprintBytes(sizes, align);
    end = AlignUp(end, align);
    const uint64_t left_in_page = AlignUp(end, page_size) - end;  // 0 at the start of a page
    if (footprint > left_in_page) end = AlignUp(end, page_size);
    if (footprint > page_size) oversize_.push_back(SampleIndex{first / payloads_per_sample});
    for (const uint64_t size : sizes) {
      offsets_.push_back(AlignUp(end, align));
      end = offsets_.back() + FootprintBytes(size);
    }
  }
  pages_ = {start, end - start};
}

uint64_t PageLayout::num_pages() const {
  return (pages_.size + page_size_bytes_ - 1) / page_size_bytes_;
}

}  // namespace betonfs
