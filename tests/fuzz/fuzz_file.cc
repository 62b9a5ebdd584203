// A whole file: opened, every sample read in every view, every name walked, both checks run.
#include "core/check.h"
#include "core/ffcv_check.h"
#include "tests/support/read_all.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace betonfs;
  const Bytes file = std::as_bytes(std::span(data, size));
  const auto dataset = Dataset::Open(MappedFile::Borrow(file, "fuzz"));
  if (!dataset) return 0;
  test::ReadAll(**dataset);
  CheckOptions options;
  options.num_threads = 1;
  if (!Check(**dataset, options)) abort();
  FfcvCheckOptions ffcv_options;
  ffcv_options.num_threads = 1;
  ffcv_options.decode = true;
  if (!CheckForFfcv(**dataset, ffcv_options)) abort();
  return 0;
}
