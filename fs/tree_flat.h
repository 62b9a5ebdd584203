// tree=flat and tree=samples: one directory of names made from sample numbers.
#pragma once

#include "fs/sample_names.h"
#include "fs/tree.h"

namespace betonfs {

// What trees with made-up names have in common: sizes and contents come from the fields, times from
// the dataset file.
class MadeUpTree : public Tree {
 public:
  Result<FileContents> Contents(Ino file) const override;

 protected:
  MadeUpTree(const Shards& shards, uint16_t main_field, const Field* label_field, SampleNames names)
      : Tree(shards, main_field, label_field), names_(std::move(names)) {}

  const SampleNames& names() const { return names_; }
  Result<Attributes> FileAttributes(Ino file) const;
  Attributes DirectoryAttributes() const;
  // The place of a file's field among names().fields().  kNotFound if it has none.
  Result<size_t> WhichField(Ino file) const;

 private:
  SampleNames names_;
};

// One directory, the root, with every named field of every sample.
class FlatTree : public MadeUpTree {
 public:
  // `kind` is kFlat or kSamples; `names` decides what there is.
  FlatTree(TreeKind kind, const Shards& shards, uint16_t main_field, const Field* label_field,
           SampleNames names)
      : MadeUpTree(shards, main_field, label_field, std::move(names)), kind_(kind) {}

  TreeKind kind() const override { return kind_; }
  Result<std::optional<Ino>> Lookup(Ino directory, std::string_view name) const override;
  Status List(Ino directory, uint64_t cursor, const EntrySink& sink) const override;
  Result<Ino> ParentOf(Ino directory) const override;
  Result<Attributes> AttributesOf(Ino ino) const override;
  Result<std::string> PathOf(Ino file) const override;

 private:
  TreeKind kind_;
};

}  // namespace betonfs
