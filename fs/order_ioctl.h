// How `betonfs order` hands a list to a mount, on which nothing can be written: by ioctls on a file
// of the control directory, a piece at a time.
#pragma once

#include <sys/ioctl.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"

namespace betonfs {

inline constexpr uint32_t kOrderPieceSamples = 4000;  // an ioctl carries less than 16 KiB

// Pieces come in their order; the one that starts at 0 begins a list, the last one arms it.
struct OrderPiece {
  uint64_t first;    // position in the list of samples[0]
  uint32_t count;    // of samples
  uint32_t is_last;  // 0 or 1
  uint32_t samples[kOrderPieceSamples];
};
inline constexpr unsigned kOrderIoctl = _IOW('b', 1, OrderPiece);

// Puts pieces together.  Any thread may call it; two lists at a time spoil each other and fail.
class OrderReceiver {
 public:
  using Arm = std::function<Status(std::vector<uint32_t> samples)>;
  explicit OrderReceiver(Arm arm) : arm_(std::move(arm)) {}

  // Errors: kInvalidArgument  another command, a piece that does not follow the one before
  //         those of Arm
  Status Receive(unsigned command, Bytes in);

 private:
  Arm arm_;
  std::mutex mutex_;
  std::vector<uint32_t> samples_;
};

}  // namespace betonfs
