// What a commit would make of a staged tree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/index_builder.h"
#include "core/labels.h"
#include "core/result.h"
#include "core/schema_choice.h"
#include "core/staging_store.h"
#include "core/staging_tree.h"

namespace betonfs {

struct PlanOptions {
  PackAs as = PackAs::kAuto;
  bool skip_non_jpeg = false;
  LabelChoice labels;
};

struct PlannedDirectory {
  uint32_t parent = 0;
  std::string_view name;  // of the tree; "" for the root
  StageIno ino{0};
  uint64_t num_files = 0;  // directly in it
};

struct PlannedSample {
  uint32_t directory = 0;
  std::string_view name;
  StageIno ino{0};  // the file; of a followed symlink, what it points at
  // Its bytes are those of another sample too: a further name of a file, or a symlink to one.
  bool is_copy = false;
  Content content;
};

// An entry of the tree that the dataset will not have, or not as it is.
struct PlannedLink {
  enum class Kind { kSymlink, kHardLink };
  std::string path;
  std::string target;  // what the symlink says; the first name of a hard-linked file
  Kind kind;
  bool followed;  // a sample of its own with the same bytes; else it is left out
};

struct PlannedSkip {
  std::string path;
  std::string reason;  // "junk name", "not a JPEG"
  StageIno ino{0};
};

// Borrows names of the tree, which must not change while it is used.
struct CommitPlan {
  std::vector<PlannedDirectory> directories;  // depth first, the root first
  std::vector<PlannedSample> samples;         // in the order of their paths
  std::vector<PlannedLink> links;
  std::vector<PlannedSkip> skipped;
  SchemaKind schema = SchemaKind::kBytes;
  Labels labels;
  uint64_t payload_bytes = 0;

  std::string PathOf(const PlannedSample& sample) const;
};

// Reads the beginning of files of which it is not known yet whether they are JPEGs.
// Errors: those of ChooseSchema and AssignLabels; kIo, kCorrupt of reading
Result<CommitPlan> PlanCommit(const StagingTree& tree, const StagingStore& store,
                              const PlanOptions& options);

// Names that file managers and copy tools leave behind: .DS_Store, ._*, Thumbs.db, .nfs*, and the
// temporary files of rsync (.NAME.XXXXXX).
bool IsJunkName(std::string_view name);

}  // namespace betonfs
