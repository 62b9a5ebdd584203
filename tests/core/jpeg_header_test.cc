#include "core/jpeg_header.h"

#include <gtest/gtest.h>

#include "tests/support/pictures.h"

namespace betonfs {
namespace {

using test::MakeJpeg;
using State = JpegHeader::State;

TEST(JpegHeader, TellsSizeAndComponents) {
  JpegHeaderParser parser;
  for (const int components : {1, 3, 4}) {
    const std::string file = MakeJpeg(31, 17, components);
    const JpegHeader header = parser.Parse(AsBytes(file));
    EXPECT_EQ(header.state, State::kJpeg);
    EXPECT_EQ(header.width, 31);
    EXPECT_EQ(header.height, 17);
    EXPECT_EQ(header.num_components, components);
    EXPECT_EQ(header.IsDecodableByFfcv(), components != 4);
  }
}

TEST(JpegHeader, AsksForMoreUntilTheFirstScan) {
  JpegHeaderParser parser;
  const std::string file = MakeJpeg(8, 8, 3, 1, 200'000);
  EXPECT_EQ(parser.Parse(AsBytes(file).first(3)).state, State::kNeedsMore);
  EXPECT_EQ(parser.Parse(AsBytes(file).first(100'000)).state, State::kNeedsMore);
  EXPECT_EQ(parser.Parse(AsBytes(file)).width, 8);
}

TEST(JpegHeader, EveryPrefixIsUnfinishedOrFound) {
  JpegHeaderParser parser;
  const std::string file = MakeJpeg(8, 8);
  bool found = false;
  for (size_t size = 3; size <= file.size(); ++size) {
    const State state = parser.Parse(AsBytes(file).first(size)).state;
    EXPECT_TRUE(!found || state == State::kJpeg) << size;
    EXPECT_NE(state, State::kNotJpeg) << size;
    found = state == State::kJpeg;
  }
  EXPECT_TRUE(found);
}

TEST(JpegHeader, AnythingElseIsNoJpegAndDoesNoHarmToTheNext) {
  JpegHeaderParser parser;
  const std::string good = MakeJpeg(5, 6);
  std::string no_frame = good.substr(0, 2) + "\xff\xda" + good.substr(2);
  for (const std::string& bad : {std::string(), std::string("\xff"), std::string("\x89PNG\r\n"),
                                 std::string("\xff\xd8\xff\xd9"), no_frame}) {
    EXPECT_EQ(parser.Parse(AsBytes(bad)).state, State::kNotJpeg);
    EXPECT_EQ(parser.Parse(AsBytes(good)).width, 5);
  }
}

TEST(JpegHeader, EveryFlippedByteIsSurvived) {
  JpegHeaderParser parser;
  const std::string good = MakeJpeg(5, 6);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0xff);
    parser.Parse(AsBytes(bad));
  }
  EXPECT_EQ(parser.Parse(AsBytes(good)).height, 6);
}

}  // namespace
}  // namespace betonfs
