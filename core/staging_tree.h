// The tree of a staging mount: names, attributes and where each file's bytes are.
//
// Semantics are those of a local file system as ext4 has them: link counts, which operation
// changes which time, which errno where.  Errors carry the errno.
//
// Made for ten million files in under 2 GiB: 80 bytes per inode and 32 per name in chunks that are
// never moved, the name itself, and about 8 for the hash table: some 155 bytes for a file with a
// name of 20 characters.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "core/staging_journal.h"

namespace betonfs {

// What FUSE calls an inode number; the root is 1.  Reused when nothing knows it any more.
enum class StageIno : uint32_t {};
constexpr uint32_t Number(StageIno ino) { return static_cast<uint32_t>(ino); }
inline constexpr StageIno kStageRoot{1};

enum class NodeKind : uint8_t { kFile = 0, kDirectory = 1, kSymlink = 2 };

struct StageNode {
  Content content;  // of a file: what was last sealed; content.size is the current size
  Timestamp mtime;
  Timestamp ctime;
  uint32_t dentry = 0;       // a name of it; 0: none
  uint32_t nlink = 0;        // 0: unlinked, kept while the kernel knows it
  uint32_t num_lookups = 0;  // how often the kernel was told of it
  uint32_t first_child = 0;  // directories: a dentry
  uint16_t mode = 0;         // permission bits
  NodeKind kind = NodeKind::kFile;
  uint8_t times_sealed = 0;  // saturates
};

// A name in a directory.
struct StageEntry {
  std::string_view name;  // lives until the entry is removed or renamed
  StageIno ino;
  uint32_t id;  // stays with the name while it lives; where to go on after it
};

// One thread at a time, except that Names and nodes may be read by several.
class StagingTree {
 public:
  StagingTree();
  ~StagingTree();
  StagingTree(const StagingTree&) = delete;
  StagingTree& operator=(const StagingTree&) = delete;

  // Everything but the root is gone.  Only while the kernel knows nothing of the tree.
  void Clear();

  // The number must be of a node that lives: one that was returned and whose lookups are not all
  // forgotten, or that has a name.
  StageNode& At(StageIno ino);
  const StageNode& At(StageIno ino) const;
  bool Exists(uint64_t ino) const;

  // nullopt if there is no such name.  Error ENOTDIR.
  Result<std::optional<StageIno>> Find(StageIno dir, std::string_view name) const;
  // Walks a path without leading slash, "" being the root, following no symlinks.
  std::optional<StageIno> Resolve(std::string_view path) const;

  // Errors: ENOTDIR, ENAMETOOLONG, EEXIST, ENOENT (the directory was removed), EMLINK never.
  Result<StageIno> Make(StageIno dir, std::string_view name, NodeKind kind, uint16_t mode,
                        Timestamp now);
  Result<StageIno> MakeSymlink(StageIno dir, std::string_view name, std::string_view target,
                               Timestamp now);
  // A further name for a file.  Errors: EPERM for a directory, and those of Make.
  Status Link(StageIno ino, StageIno dir, std::string_view name, Timestamp now);
  // Takes a name away and returns what had it; call Drop() on that when you are done with it.
  // Errors: ENOENT, EISDIR.
  Result<StageIno> Unlink(StageIno dir, std::string_view name, Timestamp now);
  // Errors: ENOENT, ENOTDIR, ENOTEMPTY.
  Result<StageIno> RemoveDirectory(StageIno dir, std::string_view name, Timestamp now);
  // Returns what was replaced, if anything was; call Drop() on it.
  // Errors: ENOENT, EEXIST (may_replace is false), EISDIR, ENOTDIR, ENOTEMPTY, EINVAL (a directory
  // into itself).
  Result<std::optional<StageIno>> Rename(StageIno from_dir, std::string_view from, StageIno to_dir,
                                         std::string_view to, bool may_replace, Timestamp now);

  // Frees a node that has no name and that the kernel does not know.  Returns whether it did.
  bool Drop(StageIno ino);

  const std::string& SymlinkTarget(StageIno ino) const;

  // "a/b" for a node with a name; "" for the root.
  std::string PathOf(StageIno ino) const;
  std::string PathOf(StageIno dir, std::string_view name) const;
  StageIno ParentOf(StageIno dir) const;  // of a directory; the root is its own

  std::vector<StageEntry> Children(StageIno dir) const;
  std::vector<uint32_t> ChildIds(StageIno dir) const;
  // nullopt if that entry is gone from the directory by now.
  std::optional<StageEntry> EntryOf(StageIno dir, uint32_t id) const;

  uint64_t num_files() const { return num_files_; }
  uint64_t num_directories() const { return num_directories_; }  // with the root
  uint64_t num_symlinks() const { return symlinks_.size(); }
  uint64_t memory_bytes() const;  // of the tree; exact but for malloc's own overhead

  // Calls visit(ino, node) for every node that lives, unlinked ones included.
  template <class Visit>
  void ForEachNode(Visit visit) {
    for (uint32_t i = 1; i < nodes_.size(); ++i) {
      if (nodes_[i].nlink > 0 || nodes_[i].num_lookups > 0) visit(StageIno{i}, nodes_[i]);
    }
  }

 private:
  struct Dentry {
    uint32_t parent = 0;  // node of the directory; 0: not in use
    uint32_t node = 0;
    uint32_t next = 0;
    uint32_t previous = 0;
    uint32_t hash = 0;
    uint32_t padding = 0;
    char* name = nullptr;  // length byte, then the name
  };
  // Items by number, from 1 on; chunks never move, freed numbers are reused.
  template <class T>
  class Pool {
   public:
    uint32_t New();
    void Free(uint32_t number);
    T& operator[](uint32_t i) { return chunks_[i / kChunk][i % kChunk]; }
    const T& operator[](uint32_t i) const { return chunks_[i / kChunk][i % kChunk]; }
    uint32_t size() const { return size_; }
    uint64_t memory_bytes() const { return chunks_.size() * kChunk * sizeof(T); }
    void Clear();

   private:
    static constexpr uint32_t kChunk = 4096;
    std::vector<std::unique_ptr<T[]>> chunks_;
    std::vector<uint32_t> free_;
    uint32_t size_ = 1;
  };

  static std::string_view NameOf(const Dentry& dentry);
  static uint32_t HashOf(uint32_t parent, std::string_view name);
  uint32_t FindDentry(uint32_t parent, std::string_view name) const;
  void InsertSlot(uint32_t dentry);
  void RemoveSlot(uint32_t dentry);
  void GrowTable();
  Status CheckNew(StageIno dir, std::string_view name) const;
  Result<uint32_t> ExistingDentry(StageIno dir, std::string_view name) const;
  uint32_t AddDentry(uint32_t parent, std::string_view name, uint32_t node);
  void RemoveDentry(uint32_t dentry);
  void LoseName(uint32_t node, uint32_t dentry);
  Status CheckReplace(uint32_t node, uint32_t victim, std::string_view name) const;
  bool IsInside(uint32_t node, uint32_t ancestor) const;
  void TouchDirectory(uint32_t dir, Timestamp now);
  std::string PathOfDentry(uint32_t dentry) const;

  Pool<StageNode> nodes_;
  Pool<Dentry> dentries_;
  std::vector<uint32_t> table_;  // open addressing, a power of two; 0: empty
  uint64_t num_dentries_ = 0;
  uint64_t name_bytes_ = 0;
  uint64_t num_files_ = 0;
  uint64_t num_directories_ = 0;
  std::unordered_map<uint32_t, std::string> symlinks_;
  // The names of files that have several, but for the one that the node itself notes.
  std::unordered_multimap<uint32_t, uint32_t> more_names_;
};

}  // namespace betonfs
