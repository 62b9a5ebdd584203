#include "tools/progress.h"

#include <gtest/gtest.h>

namespace betonfs {
namespace {

TEST(ProgressLine, SaysHowFarHowFastAndHowLong) {
  const ProgressState state{1200, 5000, 12'000'000, 48'000'000, 2.0};
  EXPECT_EQ(ProgressLine("pack", state, 0),
            "pack: 1,200 of 5,000 files, 12.0 MB of 48.0 MB, 6.0 MB/s, 0:06 left");
}

TEST(ProgressLine, DrawsABar) {
  const ProgressState state{1, 4, 25, 100, 1.0};
  EXPECT_EQ(ProgressLine("pack", state, 8),
            "pack: [##      ] 1 of 4 files, 25 B of 100 B, 25 B/s, 0:03 left");
}

TEST(ProgressLine, PromisesNothingAtTheStart) {
  EXPECT_EQ(ProgressLine("pack", {0, 4, 0, 100, 1.0}, 0), "pack: 0 of 4 files, 0 B of 100 B");
}

TEST(ProgressLine, NeverPassesTheEnd) {
  EXPECT_EQ(ProgressLine("pack", {5, 4, 200, 100, 1.0}, 4),
            "pack: [####] 5 of 4 files, 200 B of 100 B, 200 B/s, 0:00 left");
}

TEST(Progress, EndsWithItsWork) {
  testing::internal::CaptureStderr();
  {
    Progress progress("test", 2, 20);
    progress.Add(1, 10);
    progress.Add(1, 10);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");  // too short to say anything
}

}  // namespace
}  // namespace betonfs
