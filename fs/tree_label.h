// tree=label: one directory per class, as torchvision's ImageFolder wants it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "fs/label_index.h"
#include "fs/tree_flat.h"

namespace betonfs {

// The names of the class directories, by rank, such that their bytewise order is that of the
// labels.
//   labels from 0 up  the label, zero-padded: "007".  Where labels are missing the names have gaps
//                     and a loader counts past them; classes.txt tells the numbers
//   negative ones     the rank, zero-padded
//   of a file         the line of that number, the first being 0
class ClassNames {
 public:
  // Errors: kInvalidArgument  lines that cannot be directory names, that are there twice, whose
  //                           sort order is not that of the labels (unless it need not be), or a
  //                           label without a line
  static Result<ClassNames> Make(const LabelIndex& index, const TreeOptions& options);

  std::string Name(const LabelIndex& index, size_t rank) const;
  // index.num_classes() if there is no such class.
  size_t Find(const LabelIndex& index, std::string_view name) const;

 private:
  size_t num_digits_ = 1;
  bool by_rank_ = false;
  std::vector<std::string> lines_;                      // empty: made from the labels
  std::map<std::string, size_t, std::less<>> by_name_;  // line -> label
};

// A class's inode number holds its rank.
class LabelTree : public MadeUpTree {
 public:
  // `label` is the field; the index is made at first need, or here if the class names are given.
  // Errors: those of ClassNames::Make
  static Result<std::unique_ptr<Tree>> Make(const Shards& shards, uint16_t main_field,
                                            const Field& label, SampleNames names,
                                            const TreeOptions& options);

  TreeKind kind() const override { return TreeKind::kLabel; }
  Result<std::optional<Ino>> Lookup(Ino directory, std::string_view name) const override;
  Status List(Ino directory, uint64_t cursor, const EntrySink& sink) const override;
  Result<Ino> ParentOf(Ino directory) const override;
  Result<Attributes> AttributesOf(Ino ino) const override;
  Result<std::string> PathOf(Ino file) const override;

 private:
  struct Classes {
    LabelIndex index;
    ClassNames names;
  };

  LabelTree(const Shards& shards, uint16_t main_field, const Field& label, SampleNames names,
            const TreeOptions& options);
  Result<const Classes*> classes() const;
  Result<size_t> RankOf(const Classes& classes, Ino directory) const;

  const Field& label_;
  TreeOptions options_;
  mutable std::mutex mutex_;  // of the making
  mutable std::atomic<const Classes*> made_{nullptr};
  mutable std::unique_ptr<Classes> classes_;
};

}  // namespace betonfs
