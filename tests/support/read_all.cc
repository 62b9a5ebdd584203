#include "tests/support/read_all.h"

#include <cstdlib>
#include <vector>

#include "core/sample_view.h"

namespace betonfs::test {
namespace {

// Touches every byte it is given, so that a sanitizer sees it.
unsigned Sum(Bytes bytes) {
  unsigned sum = 0;
  for (const std::byte b : bytes) sum += std::to_integer<unsigned>(b);
  return sum;
}

void ReadIndex(const IndexView& index, uint64_t num_samples) {
  for (uint64_t i = 0; i < num_samples; ++i) {
    const auto path = index.PathOf(SampleIndex{i});
    if (path) (void)index.Resolve(*path);
  }
  for (uint64_t i = 0; i < index.num_directories(); ++i) {
    const DirIndex number{static_cast<uint32_t>(i)};
    (void)index.PathOf(number);
    const auto directory = index.DirectoryAt(number);
    if (!directory) continue;
    for (uint64_t k = 0; k < directory->num_entries; ++k) {
      (void)index.EntryAt(EntryIndex{Number(directory->first_entry) + k});
    }
  }
  (void)index.VerifyAll();
}

unsigned ReadView(const SampleViewer& viewer, SampleIndex sample, uint16_t field, RawView view) {
  (void)viewer.Extension(sample, field, view);
  const auto size = viewer.SizeBytes(sample, field, view);
  const auto contents = viewer.Contents(sample, field, view);
  // Fuzz targets have no test to fail, so a broken promise ends the program.
  if (size.has_value() != contents.has_value()) std::abort();
  if (!contents) return 0;
  if (*size != contents->size_bytes()) std::abort();
  return Sum(contents->header()) + Sum(contents->payload());
}

}  // namespace

void ReadAll(const Dataset& dataset) {
  const SampleViewer viewer(dataset);
  std::vector<uint16_t> fields{kScalarsField};
  for (uint16_t f = 0; f < dataset.schema().fields().size(); ++f) fields.push_back(f);
  unsigned sum = 0;
  for (uint64_t i = 0; i < dataset.num_samples(); ++i) {
    const SampleIndex sample{i};
    for (const uint16_t field : fields) {
      for (const RawView view : {RawView::kPpm, RawView::kBmp, RawView::kPng}) {
        sum += ReadView(viewer, sample, field, view);
      }
    }
  }
  if (dataset.index()) ReadIndex(*dataset.index(), dataset.num_samples());
  (void)dataset.SamplesIn(Extent{0, sum});
}

}  // namespace betonfs::test
