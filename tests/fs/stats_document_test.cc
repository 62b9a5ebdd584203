#include "fs/stats_document.h"

#include <fuse_lowlevel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <sstream>

namespace betonfs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class StatsDocumentTest : public ::testing::Test {
 protected:
  StatsDocumentTest() {
    ops_.Count(OpKind::kRead, 3000);
    ops_.CountBytes(OpKind::kRead, 12345);
    stats_.ops = &ops_;
    stats_.push_mode = PushMode::kAuto;
    stats_.push.files_pushed = 700;
    stats_.push.reads_after_push = 20;
    stats_.push.memory_bounded_by = "/job";
    stats_.features = KernelFeatures(FUSE_CAP_READDIRPLUS);
  }

  OpStats ops_;
  StatsSnapshot stats_;
};

TEST_F(StatsDocumentTest, TextSaysWhatWasAskedAndHowLongItTook) {
  const std::string text = StatsText(stats_);
  EXPECT_TRUE(std::regex_search(text, std::regex("read +1 +12345 +4\\.1 +4\\.1 +4\\.1\n")));
  EXPECT_THAT(text, Not(HasSubstr("\nlookup")));
}

TEST_F(StatsDocumentTest, ReadsAvoidedAreBoundedFromAbove) {
  EXPECT_TRUE(std::regex_search(StatsText(stats_), std::regex("avoided_at_most +680\n")));
  stats_.push.reads_after_push = 1000;
  EXPECT_TRUE(std::regex_search(StatsText(stats_), std::regex("avoided_at_most +0\n")));
}

TEST_F(StatsDocumentTest, WhatWasNotGrantedSaysWhatThatCosts) {
  const std::string text = StatsText(stats_);
  EXPECT_TRUE(std::regex_search(text, std::regex("\nreaddirplus +yes\n")));
  EXPECT_TRUE(std::regex_search(text, std::regex("\nno_open +no: the kernel sends an OPEN")));
}

TEST_F(StatsDocumentTest, PrometheusLinesAreOfTheFormat) {
  stats_.features.push_back({"odd", true, "a \"quoted\"\nline \\"});
  std::istringstream lines(StatsPrometheus(stats_));
  const std::regex comment("# (HELP|TYPE) betonfs_[a-z_]+ .+");
  const std::regex sample(R"re(betonfs_[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? [0-9]+)re");
  int samples = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(std::regex_match(line, comment) || std::regex_match(line, sample)) << line;
    samples += line[0] != '#';
  }
  EXPECT_GT(samples, 40);
}

TEST_F(StatsDocumentTest, PrometheusBucketsAddUp) {
  const std::string text = StatsPrometheus(stats_);
  EXPECT_THAT(text, HasSubstr("_bucket{op=\"read\",le=\"2.048e-06\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{op=\"read\",le=\"4.096e-06\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{op=\"read\",le=\"+Inf\"} 1\n"));
}

}  // namespace
}  // namespace betonfs
