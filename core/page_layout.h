// Where every payload goes: sizes -> pages.  Pure arithmetic, no file.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/format.h"
#include "core/result.h"

namespace betonfs {

struct LayoutOptions {
  uint32_t page_size_bytes = 0;  // 0: chosen by ChoosePageSize
  uint32_t align_bytes = 1;      // power of two up to the page; payloads start at its multiples
  uint64_t rows_end = 0;         // pages start at the next page boundary from here
};

// 8 MiB; the next power of two above the largest sample up to 64 MiB; and for data that fits one
// page the least power of two from 4096 up that holds it.
uint32_t ChoosePageSize(uint64_t largest_sample_bytes, uint64_t total_bytes);

// The layout is a function of the sizes alone: same input, same bytes, at any thread count.
//
// Samples follow one another; all payloads of a sample lie in one page and none crosses a page.  A
// sample larger than a page starts at a page boundary and spans as many pages as it needs (FFCV
// reads it with os_cache=True only).  A zero-length payload burns a byte, so that no other has its
// offset.
class PageLayout {
 public:
  // `payload_sizes` holds payloads_per_sample sizes per sample, sample by sample; not kept.
  // Errors: kInvalidArgument  page size or alignment not a power of two in range, sizes that
  // overflow
  static Result<PageLayout> Plan(std::span<const uint64_t> payload_sizes,
                                 uint32_t payloads_per_sample, const LayoutOptions& options);

  uint32_t page_size_bytes() const { return page_size_bytes_; }
  // First page to the end of the last payload: the last page is not padded.
  Extent pages() const { return pages_; }
  uint64_t num_pages() const;
  // Start of payload `payload` = sample * payloads_per_sample + k.
  uint64_t OffsetOf(uint64_t payload) const { return offsets_[payload]; }
  std::span<const uint64_t> offsets() const { return offsets_; }
  // Samples that span several pages.
  std::span<const SampleIndex> oversize_samples() const { return oversize_; }

 private:
  void Place(std::span<const uint64_t> payload_sizes, uint32_t payloads_per_sample,
             const LayoutOptions& options);

  uint32_t page_size_bytes_ = 0;
  Extent pages_;
  std::vector<uint64_t> offsets_;
  std::vector<SampleIndex> oversize_;
};

}  // namespace betonfs
