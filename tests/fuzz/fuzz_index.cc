// The index region of a whole file of ours: names both ways and all that -o verify=open looks at.
// mutator.cc repairs the checksums, so that mutations reach behind them.
#include "core/dataset.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace betonfs;
  const Bytes file = std::as_bytes(std::span(data, size));
  const auto dataset = Dataset::Open(MappedFile::Borrow(file, "fuzz"));
  if (!dataset || !(*dataset)->index()) return 0;
  const IndexView& index = *(*dataset)->index();
  const bool is_sound = index.VerifyAll().empty();
  for (uint64_t s = 0; s < (*dataset)->num_samples(); ++s) {
    const auto path = index.PathOf(SampleIndex{s});
    if (!path && is_sound) abort();
    if (!path) continue;
    const auto entry = index.Resolve(*path);
    // In a region without faults every sample is found by its own name.
    if (is_sound && (!entry || !*entry || Number(index.EntryAt(**entry)->sample()) != s)) abort();
  }
  for (uint64_t d = 0; d < index.num_directories(); ++d) {
    (void)index.PathOf(DirIndex{static_cast<uint32_t>(d)});
  }
  for (uint64_t e = 0; e < index.num_entries(); ++e) (void)index.PathOf(EntryIndex{e});
  return 0;
}
