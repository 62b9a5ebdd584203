// The dataset files of one mount, their samples numbered as one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/dataset.h"
#include "core/result.h"
#include "core/sample_view.h"
#include "fs/sigbus_guard.h"

namespace betonfs {

struct Shard {
  std::unique_ptr<Dataset> dataset;
  std::unique_ptr<SampleViewer> viewer;
  uint64_t first_sample = 0;  // number of its sample 0 among all
  SigbusGuard guard;          // of the dataset's mapping
};

// At least one file, all of one schema.  Immutable; any thread may call anything.  "Sample" without
// further word means the number over all files from here on; a LocalSample is one of a file.
class Shards {
 public:
  struct LocalSample {
    const Shard* shard;
    SampleIndex index;  // in shard->dataset
  };

  // Errors: those of Dataset::Open, and kIo if the file cannot be read;
  //         kInvalidArgument  no path; schemas that differ (both files named); the same file twice
  //         kUnsupported      more samples than inode numbers can tell apart (2^45)
  static Result<std::unique_ptr<Shards>> Open(const std::vector<std::string>& paths);
  // Takes over files that are open.  Errors: as Open, but for those of Dataset::Open.
  static Result<std::unique_ptr<Shards>> Join(std::vector<std::unique_ptr<Dataset>> datasets);

  const std::vector<Shard>& all() const { return shards_; }
  const Schema& schema() const { return shards_.front().dataset->schema(); }
  uint64_t num_samples() const { return num_samples_; }
  uint64_t total_size_bytes() const;  // of the files

  // The caller has checked that sample < num_samples().  O(log number of files).
  LocalSample Locate(SampleIndex sample) const;

 private:
  std::vector<Shard> shards_;
  uint64_t num_samples_ = 0;
};

}  // namespace betonfs
