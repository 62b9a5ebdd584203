#include "fs/sigbus_guard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/file.h"

namespace betonfs {
namespace {

constexpr size_t kPageSize = 4096;
constexpr size_t kNumPages = 16;

// A file whose every byte is the number of its page plus one, mapped and guarded.
class CutFile {
 public:
  CutFile() {
    fd_ = UniqueFd(memfd_create("cut", MFD_CLOEXEC));
    Fill(0);
    void* at = mmap(nullptr, kNumPages * kPageSize, PROT_READ, MAP_SHARED, fd_.get(), 0);
    bytes_ = Bytes(static_cast<const std::byte*>(at), kNumPages * kPageSize);
    guard_.emplace(bytes_, fd_.get(), "cut.beton");
  }
  ~CutFile() {
    guard_.reset();
    munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
  void CutTo(size_t num_pages) {
    EXPECT_EQ(ftruncate(fd_.get(), static_cast<off_t>(num_pages * kPageSize)), 0);
  }
  void Fill(size_t from_page) {
    for (size_t page = from_page; page < kNumPages; ++page) {
      const std::string text(kPageSize, static_cast<char>(page + 1));
      EXPECT_TRUE(WriteAt(fd_.get(), AsBytes(text), page * kPageSize, "cut.beton"));
    }
  }
  // The sum of one byte of each page in [first, first + count).
  Result<int> Sum(size_t first, size_t count) const {
    return ReadGuarded([&]() -> Result<int> {
      int sum = 0;
      for (size_t page = first; page < first + count; ++page) {
        sum += static_cast<int>(ByteOf(page));
      }
      return sum;
    });
  }
  std::byte ByteOf(size_t page) const {
    return *static_cast<const volatile std::byte*>(&bytes_[page * kPageSize + 17]);
  }
  Bytes bytes() const { return bytes_; }

 private:
  UniqueFd fd_;
  Bytes bytes_;
  std::optional<SigbusGuard> guard_;
};

TEST(SigbusGuard, AFileThatIsWholeIsReadAsItIs) {
  const CutFile file;
  const uint64_t before = NumLostPages();
  EXPECT_EQ(file.Sum(0, 4).value(), 1 + 2 + 3 + 4);
  EXPECT_EQ(NumLostPages(), before);
}

TEST(SigbusGuard, ReadingWhatWasCutOffIsAnErrorThatNamesTheOffset) {
  CutFile file;
  file.CutTo(3);
  const auto sum = file.Sum(2, 3);
  ASSERT_FALSE(sum);
  EXPECT_EQ(sum.error().kind, ErrorKind::kIo);
  EXPECT_EQ(sum.error().sys_errno, EIO);
  EXPECT_NE(sum.error().message.find("cut.beton: offset 16384"), std::string::npos)
      << sum.error().message;
  EXPECT_EQ(file.Sum(0, 3).value(), 6);
}

TEST(SigbusGuard, TheSecondReadOfALostPageFailsToo) {
  CutFile file;
  file.CutTo(3);
  const uint64_t before = NumLostPages();
  EXPECT_FALSE(file.Sum(5, 1));
  EXPECT_FALSE(file.Sum(5, 1));
  EXPECT_EQ(NumLostPages(), before + 2);
}

TEST(SigbusGuard, APageThatComesBackIsReadAgain) {
  CutFile file;
  file.CutTo(3);
  EXPECT_FALSE(file.Sum(0, kNumPages));
  file.CutTo(kNumPages);
  file.Fill(3);
  EXPECT_EQ(file.Sum(4, 2).value(), 5 + 6);
}

TEST(SigbusGuard, TheKernelNeverCopiesOurZerosOutOfALostPage) {
  CutFile file;
  file.CutTo(3);
  EXPECT_FALSE(file.Sum(5, 1));
  int pipe_fds[2];
  ASSERT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
  const UniqueFd reading(pipe_fds[0]);
  const UniqueFd writing(pipe_fds[1]);
  EXPECT_EQ(write(writing.get(), file.bytes().data() + 5 * kPageSize, 10), -1);
  EXPECT_EQ(errno, EFAULT);
}

TEST(SigbusGuard, ErrorsOfTheReadItselfPassThrough) {
  const auto result =
      ReadGuarded([]() -> Result<int> { return Fail(ErrorKind::kCorrupt, "a bad row"); });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "a bad row");
}

TEST(SigbusGuard, ReadersOfGoodPagesAreRightWhileOthersLosePages) {
  CutFile file;
  file.CutTo(8);
  std::atomic<bool> done{false};
  std::vector<std::thread> losers;
  for (size_t loser = 0; loser < 2; ++loser) {
    losers.emplace_back([&, loser] {
      while (!done) EXPECT_FALSE(file.Sum(8 + loser, 3));
    });
  }
  const uint64_t before = NumLostPages();
  while (NumLostPages() < before + 5000) EXPECT_EQ(file.Sum(0, 8).value(), 36);
  done = true;
  for (auto& loser : losers) loser.join();
}

TEST(SigbusGuard, NoReaderEverSeesZerosOfAPageThatAnotherLost) {
  CutFile file;
  file.CutTo(8);
  std::vector<std::thread> readers;
  std::atomic<int> num_wrong{0};
  for (int reader = 0; reader < 4; ++reader) {
    readers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) num_wrong += file.Sum(7, 2).has_value() ? 1 : 0;
    });
  }
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(num_wrong, 0);
}

TEST(SigbusGuardDeathTest, AFaultOutsideEveryGuardedMappingStillKills) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const CutFile guarded;
        const UniqueFd empty(memfd_create("empty", MFD_CLOEXEC));
        void* at = mmap(nullptr, kPageSize, PROT_READ, MAP_SHARED, empty.get(), 0);
        static_cast<void>(*static_cast<const volatile char*>(at));
      },
      "");
}

TEST(SigbusGuardDeathTest, ASignalSentByAnotherProcessStillKills) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const CutFile guarded;
        kill(getpid(), SIGBUS);
        sleep(60);
      },
      "");
}

}  // namespace
}  // namespace betonfs
