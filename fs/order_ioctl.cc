#include "fs/order_ioctl.h"

#include <cstring>

namespace betonfs {

Status OrderReceiver::Receive(unsigned command, Bytes in) {
  OrderPiece piece;
  if (command != kOrderIoctl || in.size() != sizeof piece) {
    return Fail(ErrorKind::kInvalidArgument, "ioctl: unknown command " + std::to_string(command));
  }
  std::memcpy(&piece, in.data(), sizeof piece);
  std::vector<uint32_t> complete;
  {
    const std::lock_guard lock(mutex_);
    if (piece.first == 0) samples_.clear();
    if (piece.first != samples_.size() || piece.count > kOrderPieceSamples) {
      return Fail(ErrorKind::kInvalidArgument, "order: piece of " + std::to_string(piece.count) +
                                                   " samples at " + std::to_string(piece.first) +
                                                   ", expected at " +
                                                   std::to_string(samples_.size()));
    }
    samples_.insert(samples_.end(), piece.samples, piece.samples + piece.count);
    if (!piece.is_last) return {};
    complete.swap(samples_);
  }
  return arm_(std::move(complete));
}

}  // namespace betonfs
