// The files of a walked tree as samples.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/file_inspector.h"
#include "core/labels.h"
#include "core/page_writer.h"
#include "core/schema_choice.h"
#include "core/walk.h"

namespace betonfs {

// What is decided before the first file is read.
struct PackPlan {
  SchemaKind kind = SchemaKind::kBytes;
  Labels labels;
  std::vector<uint32_t> order;  // sample -> file of the tree
  // By file of the tree.  Empty: nobody looked, every file is taken for what `kind` suggests, and
  // each is looked at while it is packed.
  std::vector<FileFact> facts;
  // Without facts: whether to look at files that become bytes too, to see that they are no images.
  bool look_at_bytes = false;
};

// Borrows the tree.  Any number of readers at a time.
class PackSource : public SampleSource {
 public:
  PackSource(const FileTree& tree, PackPlan plan);

  const Schema& schema() const override { return schema_; }
  uint64_t num_samples() const override { return plan_.order.size(); }
  std::span<const uint64_t> payload_sizes() const override { return sizes_; }
  std::unique_ptr<SampleReader> NewReader() override;
  Status AddNames(IndexBuilder& index, std::span<const uint64_t> xxh3) override;

  const FileTree& tree() const { return tree_; }
  const PackPlan& plan() const { return plan_; }
  const WalkedFile& FileOf(SampleIndex sample) const {
    return tree_.files()[plan_.order[Number(sample)]];
  }

  // The contents were not what the names suggested (a plan without facts): look at all files and
  // plan again.  The write failed with kCancelled.
  bool guess_was_wrong() const { return guess_was_wrong_; }

  // PNGs that lost alpha or bits on the way to 8-bit RGB.
  uint64_t num_without_alpha() const { return num_without_alpha_; }
  uint64_t num_scaled_to_8_bit() const { return num_scaled_to_8_bit_; }

 private:
  friend class PackReader;

  std::vector<DirIndex> AddDirectories(IndexBuilder& index) const;
  tl::unexpected<Error> GuessWasWrong();

  const FileTree& tree_;
  const PackPlan plan_;
  const Schema schema_;
  std::vector<uint64_t> sizes_;
  std::atomic<uint64_t> num_jpegs_among_bytes_{0};
  std::atomic<uint64_t> num_without_alpha_{0};
  std::atomic<uint64_t> num_scaled_to_8_bit_{0};
  std::atomic<bool> guess_was_wrong_{false};
};

}  // namespace betonfs
