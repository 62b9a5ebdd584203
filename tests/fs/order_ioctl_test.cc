#include "fs/order_ioctl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace betonfs {
namespace {

using ::testing::ElementsAre;

class OrderReceiverTest : public ::testing::Test {
 protected:
  Status Send(uint64_t first, std::vector<uint32_t> samples, bool is_last) {
    auto piece = std::make_unique<OrderPiece>();
    piece->first = first;
    piece->count = static_cast<uint32_t>(samples.size());
    piece->is_last = is_last;
    std::copy(samples.begin(), samples.end(), piece->samples);
    return receiver_.Receive(kOrderIoctl, std::as_bytes(std::span(piece.get(), 1)));
  }

  std::vector<std::vector<uint32_t>> armed_;
  OrderReceiver receiver_{[this](std::vector<uint32_t> samples) -> Status {
    armed_.push_back(std::move(samples));
    return {};
  }};
};

TEST_F(OrderReceiverTest, PiecesMakeAList) {
  EXPECT_TRUE(Send(0, {3, 1}, false));
  EXPECT_TRUE(armed_.empty());
  EXPECT_TRUE(Send(2, {2}, true));
  ASSERT_EQ(armed_.size(), 1u);
  EXPECT_THAT(armed_[0], ElementsAre(3, 1, 2));
}

TEST_F(OrderReceiverTest, AListMayBeginAgain) {
  EXPECT_TRUE(Send(0, {3, 1}, false));
  EXPECT_TRUE(Send(0, {7}, true));
  EXPECT_THAT(armed_[0], ElementsAre(7));
}

TEST_F(OrderReceiverTest, PiecesOutOfOrderAreRefused) {
  EXPECT_FALSE(Send(1, {3}, false));
  EXPECT_TRUE(Send(0, {3, 1}, false));
  EXPECT_FALSE(Send(1, {2}, true));
  EXPECT_TRUE(armed_.empty());
}

TEST_F(OrderReceiverTest, OtherCommandsAndSizesAreRefused) {
  EXPECT_FALSE(receiver_.Receive(kOrderIoctl, {}));
  EXPECT_FALSE(receiver_.Receive(0x5401, {}));
  auto piece = std::make_unique<OrderPiece>();
  *piece = {};
  piece->count = kOrderPieceSamples + 1;
  EXPECT_FALSE(receiver_.Receive(kOrderIoctl, std::as_bytes(std::span(piece.get(), 1))));
}

}  // namespace
}  // namespace betonfs
