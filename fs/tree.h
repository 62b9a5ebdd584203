// Which names a mount shows: the names stored in the file, or names made from sample numbers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/format.h"
#include "core/result.h"
#include "core/sample_view.h"
#include "fs/inode.h"
#include "fs/shards.h"

namespace betonfs {

enum class TreeKind { kAuto, kPaths, kLabel, kFlat, kSamples };
const char* TreeName(TreeKind kind);  // "auto", "paths", ...
std::optional<TreeKind> ParseTreeKind(std::string_view name);

struct TreeOptions {
  TreeKind kind = TreeKind::kAuto;
  std::string field;                 // the field a sample's one file shows; empty: chosen
  std::string label;                 // the Int field that sorts samples into classes; empty: chosen
  std::vector<std::string> classes;  // class names by label; empty: made from the labels
  std::string classes_path;          // where `classes` came from, for messages
  bool classes_unsorted = false;     // their order need not be that of the labels
  RawView raw_view = RawView::kPpm;  // of raw images with made-up names
  bool shards_as_directories = false;
};

struct Attributes {
  uint32_t mode = 0;  // type and permission bits
  uint64_t size_bytes = 0;
  int64_t mtime_s = 0;
  uint32_t mtime_ns = 0;
};

// Receives the entries of a directory.  `next` is the cursor to go on after this entry.  Returns
// false to stop; an entry for which it did is not taken and comes again.
using EntrySink = std::function<bool(std::string_view name, Ino ino, uint64_t next)>;

// Names, both ways, by arithmetic: no tree holds anything per sample, except for
//   label  one index made at first need in one pass over the rows: 8 bytes per class and, unless
//          the labels ascend already, 4 bytes per sample (8 above 2^32 samples)
//   paths  over several files: see tree_merge.h
// Borrows the Shards.  Any thread may call anything.  Inodes come from the kernel, which has them
// from here; one of a file or directory that does not exist is an error and not trusted.
//
// Errors of all: kCorrupt, kTruncated  what the answer needs is damaged in the file
//                kNotFound             no such inode
class Tree {
 public:
  // Makes the tree that `options` and the fields ask for.  kAuto takes the stored paths if there
  // are any; else label with one payload field and one Int field; else flat with one payload field;
  // else samples.
  // Errors: kInvalidArgument  no field of that name, or of the wrong type; kPaths for files that
  //                           store none; classes that do not fit the labels
  //         the file's index_error(), with the way out, for kPaths and kAuto
  static Result<std::unique_ptr<Tree>> Make(const Shards& shards, const TreeOptions& options);
  virtual ~Tree() = default;

  virtual TreeKind kind() const = 0;
  // nullopt: there is no such name.
  virtual Result<std::optional<Ino>> Lookup(Ino directory, std::string_view name) const = 0;
  // From `cursor` on (0: all), in the tree's own order.  A damaged entry does not end the list.
  virtual Status List(Ino directory, uint64_t cursor, const EntrySink& sink) const = 0;
  virtual Result<Ino> ParentOf(Ino directory) const = 0;  // the root is its own parent
  // Exact sizes: what Contents() will give.
  virtual Result<Attributes> AttributesOf(Ino ino) const = 0;
  // No copy and no allocation unless the view is rendered.
  virtual Result<FileContents> Contents(Ino file) const = 0;
  // "class/name.jpg", without a leading slash.
  virtual Result<std::string> PathOf(Ino file) const = 0;

  // The file that stands for a sample where there can be only one: manifests, orders, by-index.
  Ino MainFile(SampleIndex sample) const { return Ino::File(sample, main_field_); }
  uint16_t main_field() const { return main_field_; }
  // The Int field that holds the class, nullptr if there is none.
  const Field* label_field() const { return label_field_; }
  const Shards& shards() const { return *shards_; }

 protected:
  Tree(const Shards& shards, uint16_t main_field, const Field* label_field)
      : shards_(&shards), main_field_(main_field), label_field_(label_field) {}

  // kNotFound unless `ino` is a file whose sample exists.
  Status CheckFile(Ino ino) const;

 private:
  const Shards* shards_;
  uint16_t main_field_;
  const Field* label_field_;
};

}  // namespace betonfs
