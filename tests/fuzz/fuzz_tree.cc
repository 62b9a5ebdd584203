// A whole file mounted, but for the kernel: every tree that its fields allow, walked as readers do,
// each name followed both ways, every file and attribute read, every manifest made.
#include <cstdlib>

#include "fs/control_files.h"
#include "fs/document.h"
#include "fs/manifests.h"
#include "fs/tree.h"
#include "fs/xattrs.h"

namespace {

using namespace betonfs;

constexpr size_t kMaxFiles = 2000;  // of one tree; an input of a few KB promises more with ease
constexpr int kMaxDepth = 300;

// Touches the bytes, so that a sanitizer sees them.
void Touch(Bytes bytes) {
  static volatile unsigned sum;
  for (const std::byte b : bytes) sum = sum + std::to_integer<unsigned>(b);
}

class Walker {
 public:
  explicit Walker(const Tree& tree) : tree_(tree) {}

  void Walk(Ino directory, int depth) {
    std::vector<Ino> below;
    (void)tree_.List(directory, 0, [&](std::string_view name, Ino ino, uint64_t) {
      if (++num_seen_ > kMaxFiles) return false;
      const auto found = tree_.Lookup(directory, name);
      if (found && *found && ino.is_file()) Read(**found);
      if (!ino.is_file()) below.push_back(ino);
      return true;
    });
    (void)tree_.ParentOf(directory);
    if (depth == kMaxDepth) return;
    for (const Ino ino : below) Walk(ino, depth + 1);
  }

 private:
  void Read(Ino file) {
    const auto attributes = tree_.AttributesOf(file);
    const auto contents = tree_.Contents(file);
    // What stat promises is what read gives.
    if (attributes && contents && attributes->size_bytes != contents->size_bytes()) abort();
    if (contents) {
      Touch(contents->header());
      Touch(contents->payload());
    }
    (void)tree_.PathOf(file);
    for (const char* name : {"user.betonfs.offset", "user.betonfs.width", "user.betonfs.label",
                             "user.betonfs.xxh3", "user.betonfs.field"}) {
      (void)XattrOf(tree_, file, name);
    }
  }

  const Tree& tree_;
  size_t num_seen_ = 0;
};

void ReadManifests(const Tree& tree) {
  ControlFiles control(tree);
  AddManifests(control, tree);
  for (const char* name :
       {"files.txt", "file_list.txt", "metadata.jsonl", "samples.tsv", "classes.txt"}) {
    const auto found = control.Lookup(ControlFiles::Directory(), name);
    if (found && *found) (void)control.Read((*found)->ino, 0, 1 << 16);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto dataset = Dataset::Open(MappedFile::Borrow(std::as_bytes(std::span(data, size)), "fuzz"));
  if (!dataset) return 0;
  std::vector<std::unique_ptr<Dataset>> datasets;
  datasets.push_back(std::move(*dataset));
  const auto shards = Shards::Join(std::move(datasets));
  if (!shards) return 0;
  for (const TreeKind kind :
       {TreeKind::kAuto, TreeKind::kPaths, TreeKind::kLabel, TreeKind::kFlat, TreeKind::kSamples}) {
    TreeOptions options;
    options.kind = kind;
    options.raw_view = kind == TreeKind::kFlat ? RawView::kPng : RawView::kPpm;
    const auto tree = Tree::Make(**shards, options);
    if (!tree) continue;
    Walker(**tree).Walk(Ino::Root(), 0);
    if ((*shards)->num_samples() <= kMaxFiles) ReadManifests(**tree);
  }
  return 0;
}
