// Samples out of thin air, for tests and benchmarks: any number, in directories, with sizes by law.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/page_writer.h"

namespace betonfs::test {

struct SyntheticOptions {
  uint64_t num_samples = 0;
  uint64_t num_directories = 1;  // samples are spread evenly, in order
  std::function<uint64_t(uint64_t sample)> size_of = [](uint64_t) { return uint64_t{16}; };
  // When it says so of a sample, reading it fails.
  std::function<Status(uint64_t sample)> check = nullptr;
};

// `data` Bytes and `label` Int (the directory).  Sample i is "d<directory>/<i>.bin", digits enough
// that names sort like numbers; its bytes are SyntheticByte(i, 0), SyntheticByte(i, 1), ...
class SyntheticSource : public SampleSource {
 public:
  explicit SyntheticSource(SyntheticOptions options);

  const Schema& schema() const override { return schema_; }
  uint64_t num_samples() const override { return options_.num_samples; }
  std::span<const uint64_t> payload_sizes() const override { return sizes_; }
  std::unique_ptr<SampleReader> NewReader() override;
  Status AddNames(IndexBuilder& index, std::span<const uint64_t> xxh3) override;

  uint64_t DirectoryOf(uint64_t sample) const;
  std::string PathOf(uint64_t sample) const;

 private:
  std::string NameOf(uint64_t sample) const;

  SyntheticOptions options_;
  Schema schema_;
  std::vector<uint64_t> sizes_;
};

std::byte SyntheticByte(uint64_t sample, uint64_t position);

}  // namespace betonfs::test
