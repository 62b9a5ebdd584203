// How far long work is, on stderr.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace betonfs {

struct ProgressState {
  uint64_t num_done = 0;
  uint64_t num_total = 0;
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;
  double elapsed_s = 0;
};

// "pack: 1,200 of 5,000 files, 12.0 MB of 50.0 MB, 24.0 MB/s, 0:02 left"; `bar_width` > 0 puts
// a bar of that many characters in front of the numbers.
std::string ProgressLine(const std::string& verb, const ProgressState& state, int bar_width);

// Shows a bar, redrawn in place ten times a second, if stderr is a terminal, else a plain line
// every ten seconds, so that short work says nothing.  Owns the thread that does so; the destructor
// wipes the bar and ends the thread.  Add() may be called by any thread and costs two relaxed
// additions.
class Progress {
 public:
  // `verb` names the work ("pack").  With `quiet` nothing is ever shown.
  Progress(std::string verb, uint64_t num_total, uint64_t total_bytes, bool quiet = false);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Add(uint64_t num_files, uint64_t size_bytes) {
    num_done_.fetch_add(num_files, std::memory_order_relaxed);
    done_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
  }

 private:
  void Run();
  ProgressState State() const;
  void Show() const;

  const std::string verb_;
  const uint64_t num_total_;
  const uint64_t total_bytes_;
  const double start_s_;
  const bool is_terminal_;
  std::atomic<uint64_t> num_done_{0};
  std::atomic<uint64_t> done_bytes_{0};
  std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace betonfs
