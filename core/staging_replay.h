// A journal told again: its records applied to the tree of the dataset.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/staging_journal.h"
#include "core/staging_store.h"
#include "core/staging_tree.h"

namespace betonfs {

// One thread.  Everything is borrowed.
class StagingReplayer {
 public:
  // `store` has the base and knows where spill files are; its page file is not open yet, so
  // `pages` maps it, `pages_size_bytes` of it being there.  Contents recorded from journal offset
  // `synced_offset` on must be looked at; ~0 trusts all of them.
  StagingReplayer(StagingTree& tree, const StagingStore& store, const GrowingMap& pages,
                  uint64_t pages_size_bytes, uint64_t synced_offset)
      : tree_(tree),
        store_(store),
        pages_(pages),
        pages_size_(pages_size_bytes),
        synced_offset_(synced_offset) {}

  // Whether the record makes sense here; the tree is unchanged if not.
  bool Apply(const JournalRecord& record, uint64_t offset);

  uint64_t num_changes() const { return num_changes_; }  // since the dataset
  // Paths of files whose bytes are not there as they were sealed: they keep what they had before.
  const std::vector<std::string>& lost() const { return lost_; }

 private:
  struct Place {
    StageIno dir;
    std::string_view name;
  };
  std::optional<Place> PlaceOf(std::string_view path) const;
  bool Make(const JournalRecord& record, NodeKind kind, uint64_t offset);
  bool Seal(const JournalRecord& record, uint64_t offset);
  bool SetAttributes(const JournalRecord& record);
  bool Remove(const JournalRecord& record);
  bool Rename(const JournalRecord& record);
  bool Link(const JournalRecord& record);
  void SealNode(const JournalRecord& record, StageIno ino, uint64_t offset);
  bool IsThere(Content& content, bool must_verify) const;

  StagingTree& tree_;
  const StagingStore& store_;
  const GrowingMap& pages_;
  uint64_t pages_size_;
  uint64_t synced_offset_;
  uint64_t num_changes_ = 0;
  std::vector<std::string> lost_;
};

}  // namespace betonfs
