#include "fs/shards.h"

#include <algorithm>

#include "fs/inode.h"

namespace betonfs {
namespace {

// A mapping that is not there yet has no guard that could name the file.
Result<std::unique_ptr<Dataset>> OpenGuarded(const std::string& path) {
  auto dataset = ReadGuarded([&] { return Dataset::Open(path); });
  if (dataset || dataset.error().kind != ErrorKind::kIo) return dataset;
  Error error = std::move(dataset.error());
  if (!error.message.starts_with(path)) error.message = path + ": " + error.message;
  return tl::unexpected(std::move(error));
}

}  // namespace

Result<std::unique_ptr<Shards>> Shards::Open(const std::vector<std::string>& paths) {
  std::vector<std::unique_ptr<Dataset>> datasets;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(auto dataset, OpenGuarded(path));
    datasets.push_back(std::move(dataset));
  }
  return Join(std::move(datasets));
}

Result<std::unique_ptr<Shards>> Shards::Join(std::vector<std::unique_ptr<Dataset>> datasets) {
  if (datasets.empty()) return Fail(ErrorKind::kInvalidArgument, "no dataset file");
  auto shards = std::make_unique<Shards>();
  for (auto& dataset : datasets) {
    for (const Shard& other : shards->shards_) {
      if (!dataset->schema().SameAs(other.dataset->schema())) {
        return Fail(ErrorKind::kInvalidArgument,
                    dataset->path() + ": its fields are not those of " + other.dataset->path());
      }
      if (dataset->file().identity() == other.dataset->file().identity()) {
        return Fail(ErrorKind::kInvalidArgument,
                    dataset->path() + ": the same file as " + other.dataset->path());
      }
    }
    const uint64_t count = dataset->num_samples();
    if (count > Ino::kMaxSamples - shards->num_samples_) {
      return Fail(ErrorKind::kUnsupported, dataset->path() + ": " + std::to_string(count) +
                                               " samples, a mount can tell 2^45 apart");
    }
    auto viewer = std::make_unique<SampleViewer>(*dataset);
    SigbusGuard guard(dataset->bytes(), dataset->file().fd(), dataset->path());
    shards->shards_.push_back(
        {std::move(dataset), std::move(viewer), shards->num_samples_, std::move(guard)});
    shards->num_samples_ += count;
  }
  return shards;
}

uint64_t Shards::total_size_bytes() const {
  uint64_t total = 0;
  for (const Shard& shard : shards_) total += shard.dataset->bytes().size();
  return total;
}

Shards::LocalSample Shards::Locate(SampleIndex sample) const {
  if (shards_.size() == 1) return {&shards_.front(), sample};
  const auto after =
      std::upper_bound(shards_.begin(), shards_.end(), Number(sample),
                       [](uint64_t n, const Shard& shard) { return n < shard.first_sample; });
  const Shard& shard = *(after - 1);
  return {&shard, SampleIndex{Number(sample) - shard.first_sample}};
}

}  // namespace betonfs
