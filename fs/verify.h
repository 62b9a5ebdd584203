// `-o verify=off|open|read`: how much of a file is looked at before it is believed.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/bytes.h"
#include "core/dataset.h"
#include "core/result.h"
#include "fs/atomic_bitmap.h"

namespace betonfs {

enum class VerifyMode {
  kOff,   // a structure is checked when it is used; contents are not
  kOpen,  // every structure is looked at before the mount stands
  kRead,  // contents too, but when they are read: no byte of a sample is served before all its
          // bytes were compared with their checksum
};
std::optional<VerifyMode> ParseVerifyMode(std::string_view text);  // "off", "open", "read"

// kOpen: every checksum of the structures, every link between names, directories and samples, and
// of every sample that its payloads lie where payloads may.  Touches no payload; linear in the
// samples.  Errors: kCorrupt, kTruncated  the first that is wrong and how many more are
//                   kIo                   the file cannot be read
Status VerifyStructures(const Dataset& dataset);

// kRead.  Borrows the dataset.  Thread-safe and lock-free: a sample that two threads read first is
// hashed twice, which harms nobody.  Costs one bit per sample, and reading a sample's payloads
// once.
class ContentsCheck {
 public:
  explicit ContentsCheck(const Dataset& dataset);

  // Whether there are checksums to check against: a file written by FFCV has none.
  bool possible() const { return dataset_.index() != nullptr; }

  // Verifies the payloads of `sample`, unless they are known good; one bit test if they are.  What
  // is not possible() passes.
  // Errors: as Dataset::PayloadOf and IndexView::SampleAt
  //         kCorrupt  names the sample, the checksum found and the one expected
  //         kIo       the payloads cannot be read (see sigbus_guard.h)
  Status Check(SampleIndex sample);

  // How often Check() returned an error.
  uint64_t num_failed() const { return num_failed_.load(std::memory_order_relaxed); }

 private:
  Status Verify(SampleIndex sample) const;

  const Dataset& dataset_;
  AtomicBitmap good_;  // samples
  std::atomic<uint64_t> num_failed_{0};
};

}  // namespace betonfs
