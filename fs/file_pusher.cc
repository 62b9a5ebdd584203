#include "fs/file_pusher.h"

#include <algorithm>
#include <cerrno>

namespace betonfs {
namespace {

constexpr uint64_t kCanaryBlock = 64;

uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

bool IsCanary(SampleIndex sample) {
  const uint64_t block = Number(sample) / kCanaryBlock;
  return Number(sample) % kCanaryBlock == Mix(block + 1) % kCanaryBlock;
}

void FilePusher::MarkForgotten(uint64_t file) {
  known_.Clear(file);
  present_.Clear(file);
}

void FilePusher::MarkEvicted(SampleRange samples) {
  present_.ClearRange(samples.first * files_per_sample_, CountFiles(samples));
}

uint64_t FilePusher::CountPushable(SampleRange samples) const {
  const uint64_t first = samples.first * files_per_sample_;
  const uint64_t known = known_.CountSet(first, CountFiles(samples));
  return known - std::min(known, present_.CountSet(first, CountFiles(samples)));
}

// Runs of what was pushed are released together.
void FilePusher::Push(SampleRange samples, SampleIndex left_out, bool release) {
  Extent run;
  const auto release_run = [&] {
    if (run.size > 0) tally_.Add(PushTally::kBytesReleased, cache_.Release(run));
  };
  for (uint64_t s = samples.first; s < samples.first + samples.count; ++s) {
    if (stopped()) return;
    const bool pushed = !IsCanary(SampleIndex{s}) && SampleIndex{s} != left_out && PushSample(s);
    const auto extent = release && pushed ? extents_.Of(SampleIndex{s}) : std::nullopt;
    if (extent && run.size > 0) {
      run.size = extent->offset + extent->size - run.offset;
    } else {
      release_run();
      run = extent.value_or(Extent{});
    }
  }
  release_run();
}

bool FilePusher::PushSample(uint64_t sample) {
  bool all = true;
  for (uint64_t k = 0; k < files_per_sample_; ++k) all &= PushFile(sample * files_per_sample_ + k);
  return all;
}

// Returns whether the kernel now has the file.
bool FilePusher::PushFile(uint64_t file) {
  if (!known_.Test(file)) return false;
  if (present_.Set(file)) return true;
  const int64_t stored = store_(file);
  if (stored >= 0) {
    tally_.Add(PushTally::kFilesPushed);
    tally_.Add(PushTally::kBytesPushed, static_cast<uint64_t>(stored));
    return true;
  }
  present_.Clear(file);
  if (stored == -ENOENT) {
    known_.Clear(file);
    tally_.Add(PushTally::kFilesUnknown);
  } else {
    tally_.Add(PushTally::kStoresFailed);
    if (stored == -ENODEV || stored == -ENOTCONN) Stop();
  }
  return false;
}

}  // namespace betonfs
