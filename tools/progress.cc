#include "tools/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "tools/human.h"

namespace betonfs {
namespace {

double NowSeconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// By bytes where there are any, since files differ in size.
double FractionDone(const ProgressState& state) {
  const uint64_t total = state.total_bytes ? state.total_bytes : state.num_total;
  const uint64_t done = state.total_bytes ? state.done_bytes : state.num_done;
  if (total == 0) return 1;
  return std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
}

}  // namespace

std::string ProgressLine(const std::string& verb, const ProgressState& state, int bar_width) {
  const double fraction = FractionDone(state);
  std::string line = verb + ": ";
  if (bar_width > 0) {
    const auto filled = static_cast<size_t>(fraction * bar_width);
    line += '[' + std::string(filled, '#') +
            std::string(static_cast<size_t>(bar_width) - filled, ' ') + "] ";
  }
  line += HumanCount(state.num_done) + " of " + HumanCount(state.num_total) + " files, " +
          HumanBytes(state.done_bytes) + " of " + HumanBytes(state.total_bytes);
  if (state.elapsed_s > 0 && fraction > 0) {
    const double rate = static_cast<double>(state.done_bytes) / state.elapsed_s;
    const double left_s = state.elapsed_s * (1 - fraction) / fraction;
    line +=
        ", " + HumanBytes(static_cast<uint64_t>(rate)) + "/s, " + HumanDuration(left_s) + " left";
  }
  return line;
}

Progress::Progress(std::string verb, uint64_t num_total, uint64_t total_bytes, bool quiet)
    : verb_(std::move(verb)),
      num_total_(num_total),
      total_bytes_(total_bytes),
      start_s_(NowSeconds()),
      is_terminal_(isatty(STDERR_FILENO) == 1) {
  if (!quiet) thread_ = std::thread([this] { Run(); });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stop_changed_.notify_one();
  thread_.join();
  if (is_terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::Run() {
  const std::chrono::milliseconds period(is_terminal_ ? 100 : 10'000);
  std::unique_lock lock(mutex_);
  while (!stop_changed_.wait_for(lock, period, [this] { return stop_; })) Show();
}

ProgressState Progress::State() const {
  return {num_done_.load(std::memory_order_relaxed), num_total_,
          done_bytes_.load(std::memory_order_relaxed), total_bytes_, NowSeconds() - start_s_};
}

void Progress::Show() const {
  constexpr int kBarWidth = 20;
  const std::string line = ProgressLine(verb_, State(), is_terminal_ ? kBarWidth : 0);
  std::fprintf(stderr, is_terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
}

}  // namespace betonfs
