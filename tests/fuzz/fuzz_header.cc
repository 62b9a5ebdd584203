// Header, descriptors and extents: the input is the file.
#include "core/dataset.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace betonfs;
  const Bytes file = std::as_bytes(std::span(data, size));
  const auto dataset = Dataset::Open(MappedFile::Borrow(file, "fuzz"));
  if (!dataset) return 0;
  const Schema& schema = (*dataset)->schema();
  if (schema.Serialize().size() != schema.fields().size() * sizeof(RawFieldDescriptor)) abort();
  return 0;
}
