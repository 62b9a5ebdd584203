// Where samples lie in a dataset file, for threads that must not die of a file that was cut short.
#pragma once

#include <optional>

#include "core/dataset.h"

namespace betonfs {

// Immutable; any thread may call anything.  Rows and table are read under the guard of
// fs/sigbus_guard.h: what is lost or damaged has no extent.
class SampleExtents {
 public:
  explicit SampleExtents(const Dataset& dataset) : dataset_(dataset) {}  // borrows it

  // Of the sample's first payload.
  std::optional<Extent> Of(SampleIndex sample) const;

  // The samples whose first payload starts inside `extent`.
  // Errors: kUnsupported  samples do not ascend with their offset
  //         kCorrupt, kIo
  Result<SampleRange> In(Extent extent) const;

  // Of all samples together.  Zero where there are none.
  uint64_t MeanSizeBytes() const {
    return dataset_.num_samples() == 0 ? 0 : dataset_.pages().size / dataset_.num_samples();
  }

 private:
  const Dataset& dataset_;
};

}  // namespace betonfs
