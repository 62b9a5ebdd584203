// The allocation table: two bytes of shape, then rows.  Every sample is looked up by every offset
// the rows name.
#include "core/sample_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace betonfs;
  if (size < 2 || size > 4096) return 0;  // the lookups are quadratic
  const uint64_t num_samples = data[0] % 32;
  const uint32_t num_payloads = 1 + data[1] % 4;
  const size_t num_rows = (size - 2) / sizeof(RawTableRow);
  const Bytes rows = std::as_bytes(std::span(data + 2, num_rows * sizeof(RawTableRow)));
  const SampleTable table(rows, 0, num_samples, num_payloads, nullptr, "fuzz");
  for (uint64_t i = 0; i < num_rows; ++i) {
    const auto row = table.Row(i);
    for (uint64_t s = 0; s < num_samples; ++s) {
      for (uint32_t k = 0; k < num_payloads; ++k) {
        const SampleIndex sample{s};
        const auto found = table.PayloadSize(sample, k, row->payload_offset, std::nullopt);
        if (!found) continue;
        // What is found is there for whoever asks for exactly that.
        if (table.PayloadSize(sample, k, row->payload_offset, *found) != *found) abort();
      }
    }
  }
  return 0;
}
