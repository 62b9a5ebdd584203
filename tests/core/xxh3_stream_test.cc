#include "core/xxh3_stream.h"

#include <gtest/gtest.h>

#include <string>

#include "core/block_checks.h"

namespace betonfs {
namespace {

std::string SomeBytes(size_t size_bytes) {
  std::string bytes(size_bytes, '\0');
  for (size_t i = 0; i < size_bytes; ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
  return bytes;
}

TEST(Xxh3Stream, PartsGiveWhatTheWholeGives) {
  for (const size_t size_bytes : {size_t{0}, size_t{1}, size_t{240}, size_t{241}, size_t{5000}}) {
    const std::string whole = SomeBytes(size_bytes);
    for (const size_t step : {size_t{1}, size_t{64}, size_t{1000}}) {
      Xxh3Stream stream;
      for (size_t at = 0; at < whole.size(); at += step) {
        stream.Update(AsBytes(std::string_view(whole).substr(at, step)));
      }
      EXPECT_EQ(stream.Digest(), Xxh3(AsBytes(whole))) << size_bytes << " by " << step;
    }
  }
}

TEST(Xxh3Stream, BeginsAnewAfterReset) {
  Xxh3Stream stream;
  stream.Update(AsBytes("something else"));
  stream.Reset();
  stream.Update(AsBytes("this"));
  EXPECT_EQ(stream.Digest(), Xxh3(AsBytes("this")));
  stream.Update(AsBytes(" and that"));  // a digest does not end it
  EXPECT_EQ(stream.Digest(), Xxh3(AsBytes("this and that")));
}

}  // namespace
}  // namespace betonfs
