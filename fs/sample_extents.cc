#include "fs/sample_extents.h"

#include "fs/sigbus_guard.h"

namespace betonfs {

std::optional<Extent> SampleExtents::Of(SampleIndex sample) const {
  const auto payload =
      ReadGuarded([&] { return dataset_.PayloadOf(sample, dataset_.schema().payload_field(0)); });
  if (!payload) return std::nullopt;
  return Extent{payload->offset, payload->bytes.size()};
}

Result<SampleRange> SampleExtents::In(Extent extent) const {
  return ReadGuarded([&] { return dataset_.SamplesIn(extent); });
}

}  // namespace betonfs
