#include "core/freeze_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

namespace betonfs {
namespace {

TEST(FreezeGate, SharersMeetAndTheOneInsideIsAlone) {
  FreezeGate gate;
  std::atomic<int> inside{0};
  std::atomic<bool> met{false};
  bool alone = true;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!met) {
        const std::shared_lock lock(gate);
        if (inside.fetch_add(1) > 0) met = true;
        std::this_thread::yield();
        inside.fetch_sub(1);
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    const std::unique_lock lock(gate);
    alone = alone && inside == 0;
  }
  threads.clear();
  EXPECT_TRUE(alone);
}

// With std::shared_mutex this test may never end.
TEST(FreezeGate, AnEndlessStreamOfSharersDoesNotKeepTheOneOut) {
  FreezeGate gate;
  std::atomic<bool> stop{false};
  std::vector<std::jthread> sharers;
  for (int t = 0; t < 4; ++t) {
    sharers.emplace_back([&] {
      while (!stop) {
        const std::shared_lock lock(gate);
        std::this_thread::yield();
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    gate.lock();
    gate.unlock();
  }
  stop = true;
}

TEST(FreezeGate, TwoWhoWantItAloneTakeTurns) {
  FreezeGate gate;
  int counter = 0;  // guarded by the gate
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) {
          const std::unique_lock lock(gate);
          ++counter;
        }
      });
    }
  }
  EXPECT_EQ(counter, 2'000);
}

}  // namespace
}  // namespace betonfs
