#include "core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

namespace betonfs {
namespace {

TEST(RunOnThreads, EveryPartIsDoneOnceWhenItReturns) {
  std::mutex mutex;
  std::multiset<unsigned> done;
  std::set<std::thread::id> threads;
  RunOnThreads(7, [&](unsigned thread) {
    const std::lock_guard lock(mutex);
    done.insert(thread);
    threads.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(done, (std::multiset<unsigned>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(threads.contains(std::this_thread::get_id()));
}

TEST(RunOnThreads, TheyRunAtTheSameTime) {
  std::atomic<int> inside{0};
  RunOnThreads(3, [&](unsigned) {
    ++inside;
    while (inside < 3) std::this_thread::yield();
  });
  EXPECT_EQ(inside, 3);
}

TEST(RunOnThreads, OneThreadIsTheCallers) {
  const auto caller = std::this_thread::get_id();
  RunOnThreads(1, [&](unsigned) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST(DefaultNumThreads, IsThatOfTheProcessorsThisProcessMayUse) {
  EXPECT_GE(DefaultNumThreads(), 1u);
  EXPECT_LE(DefaultNumThreads(), std::thread::hardware_concurrency());
}

}  // namespace
}  // namespace betonfs
