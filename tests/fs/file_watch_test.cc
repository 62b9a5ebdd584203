#include "fs/file_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "fs/log.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() {
    path_ = dir_.Write("a.beton", std::string(10000, 'x'));
    // Old enough that a write now gives it another mtime, whatever the clock's granularity.
    std::filesystem::last_write_time(path_, std::filesystem::file_time_type{});
    file_ = std::make_unique<MappedFile>(std::move(*MappedFile::Open(path_)));
    StartLog({LogTarget::kFile, log_path(), false});
  }
  ~FileWatchTest() override { StopLog(); }

  std::string log_path() const { return dir_ / "log"; }
  std::string Logged() const { return test::ReadFile(log_path()); }

  test::TempDir dir_;
  std::string path_;
  std::unique_ptr<MappedFile> file_;
};

TEST_F(FileWatchTest, AnUntouchedFileIsNoChange) {
  FileWatch watch({file_.get()});
  watch.Check();
  EXPECT_EQ(Logged(), "");
  EXPECT_TRUE(FileWatch::Reaches(*file_, 10000));
  EXPECT_FALSE(FileWatch::Reaches(*file_, 10001));
}

TEST_F(FileWatchTest, ACutFileIsReportedOnceWithBothSizes) {
  FileWatch watch({file_.get()});
  ASSERT_EQ(truncate(path_.c_str(), 5000), 0);
  watch.Check();
  watch.Check();
  EXPECT_EQ(watch.NumFiles(FileChange::kTruncated), 1u);
  EXPECT_EQ(watch.NumFiles(FileChange::kModified), 0u);
  const std::string log = Logged();
  EXPECT_NE(log.find("truncated to 5000 of 10000 bytes"), std::string::npos) << log;
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1);
  EXPECT_TRUE(FileWatch::Reaches(*file_, 5000));
  EXPECT_FALSE(FileWatch::Reaches(*file_, 5001));
}

TEST_F(FileWatchTest, AnOverwrittenFileIsModified) {
  FileWatch watch({file_.get()});
  std::fstream(path_, std::ios::in | std::ios::out) << "y";
  watch.Check();
  EXPECT_EQ(watch.NumFiles(FileChange::kModified), 1u);
  EXPECT_EQ(watch.NumFiles(FileChange::kReplaced), 0u);
}

TEST_F(FileWatchTest, AFileRenamedOverItIsReplacedAndNotModified) {
  FileWatch watch({file_.get()});
  const std::string other = dir_.Write("b.beton", "another data set");
  std::filesystem::rename(other, path_);
  watch.Check();
  EXPECT_EQ(watch.NumFiles(FileChange::kReplaced), 1u);
  EXPECT_EQ(watch.NumFiles(FileChange::kModified), 0u);
  EXPECT_EQ(watch.NumFiles(FileChange::kTruncated), 0u);
}

TEST_F(FileWatchTest, ARemovedFileIsReported) {
  FileWatch watch({file_.get()});
  std::filesystem::remove(path_);
  watch.Check();
  EXPECT_EQ(watch.NumFiles(FileChange::kRemoved), 1u);
}

TEST_F(FileWatchTest, NamesAreLoggedEscaped) {
  const std::string path = dir_.Write("evil\n\x1b[2Jname.beton", "x");
  const auto file = MappedFile::Open(path);
  FileWatch watch({&*file});
  std::filesystem::remove(path);
  watch.Check();
  EXPECT_NE(Logged().find("evil\\n\\033[2Jname.beton"), std::string::npos) << Logged();
}

TEST_F(FileWatchTest, TheThreadFindsAChangeByItself) {
  FileWatch watch({file_.get()});
  watch.Start(std::chrono::milliseconds(1));
  ASSERT_EQ(truncate(path_.c_str(), 1), 0);
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (watch.NumFiles(FileChange::kTruncated) == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), limit);
    std::this_thread::yield();
  }
}

}  // namespace
}  // namespace betonfs
