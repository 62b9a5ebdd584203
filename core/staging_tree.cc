#include "core/staging_tree.h"

#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/block_checks.h"
#include "core/format.h"

namespace betonfs {
namespace {

constexpr uint32_t kRoot = Number(kStageRoot);
constexpr size_t kFirstTableSize = 64;

tl::unexpected<Error> Posix(int sys_errno, std::string_view name) {
  return FailErrno(std::string(name), sys_errno);
}

}  // namespace

// ---- Numbers ------------------------------------------------------------------------------------

template <class T>
uint32_t StagingTree::Pool<T>::New() {
  if (!free_.empty()) {
    const uint32_t number = free_.back();
    free_.pop_back();
    (*this)[number] = T();
    return number;
  }
  if (size_ / kChunk == chunks_.size()) chunks_.push_back(std::make_unique<T[]>(kChunk));
  return size_++;
}

template <class T>
void StagingTree::Pool<T>::Free(uint32_t number) {
  (*this)[number] = T();
  free_.push_back(number);
}

template <class T>
void StagingTree::Pool<T>::Clear() {
  chunks_.clear();
  free_.clear();
  size_ = 1;
  chunks_.push_back(std::make_unique<T[]>(kChunk));
}

StagingTree::StagingTree() { Clear(); }

StagingTree::~StagingTree() {
  for (uint32_t i = 1; i < dentries_.size(); ++i) std::free(dentries_[i].name);
}

void StagingTree::Clear() {
  for (uint32_t i = 1; i < dentries_.size(); ++i) std::free(dentries_[i].name);
  nodes_.Clear();
  dentries_.Clear();
  table_.assign(kFirstTableSize, 0);
  symlinks_.clear();
  more_names_.clear();
  num_dentries_ = name_bytes_ = num_files_ = 0;
  num_directories_ = 1;
  StageNode& root = nodes_[nodes_.New()];
  root.kind = NodeKind::kDirectory;
  root.mode = 0755;
  root.nlink = 2;
  root.num_lookups = 1;  // the kernel never asks for it
}

StageNode& StagingTree::At(StageIno ino) { return nodes_[Number(ino)]; }
const StageNode& StagingTree::At(StageIno ino) const { return nodes_[Number(ino)]; }

bool StagingTree::Exists(uint64_t ino) const {
  if (ino == 0 || ino >= nodes_.size()) return false;
  const StageNode& node = nodes_[static_cast<uint32_t>(ino)];
  return node.nlink > 0 || node.num_lookups > 0;
}

// ---- The hash table -----------------------------------------------------------------------------

std::string_view StagingTree::NameOf(const Dentry& dentry) {
  return {dentry.name + 1, static_cast<unsigned char>(dentry.name[0])};
}

uint32_t StagingTree::HashOf(uint32_t parent, std::string_view name) {
  const uint64_t hash = Xxh3(AsBytes(name)) ^ (parent * uint64_t{0x9e3779b97f4a7c15});
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

uint32_t StagingTree::FindDentry(uint32_t parent, std::string_view name) const {
  const uint32_t hash = HashOf(parent, name);
  const size_t mask = table_.size() - 1;
  for (size_t slot = hash & mask; table_[slot] != 0; slot = (slot + 1) & mask) {
    const Dentry& dentry = dentries_[table_[slot]];
    if (dentry.hash == hash && dentry.parent == parent && NameOf(dentry) == name) {
      return table_[slot];
    }
  }
  return 0;
}

void StagingTree::InsertSlot(uint32_t dentry) {
  if ((num_dentries_ + 1) * 4 > table_.size() * 3) GrowTable();
  const size_t mask = table_.size() - 1;
  size_t slot = dentries_[dentry].hash & mask;
  while (table_[slot] != 0) slot = (slot + 1) & mask;
  table_[slot] = dentry;
}

void StagingTree::GrowTable() {
  const std::vector<uint32_t> old = std::move(table_);
  table_.assign(old.size() * 2, 0);
  const size_t mask = table_.size() - 1;
  for (const uint32_t dentry : old) {
    if (dentry == 0) continue;
    size_t slot = dentries_[dentry].hash & mask;
    while (table_[slot] != 0) slot = (slot + 1) & mask;
    table_[slot] = dentry;
  }
}

// Closes the gap by moving back what would otherwise no longer be found: no tombstones.
void StagingTree::RemoveSlot(uint32_t dentry) {
  const size_t mask = table_.size() - 1;
  size_t gap = dentries_[dentry].hash & mask;
  while (table_[gap] != dentry) gap = (gap + 1) & mask;
  for (size_t slot = (gap + 1) & mask; table_[slot] != 0; slot = (slot + 1) & mask) {
    const size_t home = dentries_[table_[slot]].hash & mask;
    if (((slot - home) & mask) >= ((slot - gap) & mask)) {
      table_[gap] = table_[slot];
      gap = slot;
    }
  }
  table_[gap] = 0;
}

// ---- Names --------------------------------------------------------------------------------------

uint32_t StagingTree::AddDentry(uint32_t parent, std::string_view name, uint32_t node) {
  const uint32_t number = dentries_.New();
  Dentry& dentry = dentries_[number];
  dentry.parent = parent;
  dentry.node = node;
  dentry.hash = HashOf(parent, name);
  dentry.name = static_cast<char*>(std::malloc(name.size() + 1));
  dentry.name[0] = static_cast<char>(name.size());
  std::memcpy(dentry.name + 1, name.data(), name.size());
  dentry.next = nodes_[parent].first_child;
  if (dentry.next != 0) dentries_[dentry.next].previous = number;
  nodes_[parent].first_child = number;
  InsertSlot(number);
  ++num_dentries_;
  name_bytes_ += name.size() + 1;
  return number;
}

void StagingTree::RemoveDentry(uint32_t number) {
  RemoveSlot(number);
  Dentry& dentry = dentries_[number];
  if (dentry.previous != 0) {
    dentries_[dentry.previous].next = dentry.next;
  } else {
    nodes_[dentry.parent].first_child = dentry.next;
  }
  if (dentry.next != 0) dentries_[dentry.next].previous = dentry.previous;
  --num_dentries_;
  name_bytes_ -= NameOf(dentry).size() + 1;
  std::free(dentry.name);
  dentry.name = nullptr;
  dentries_.Free(number);
}

Status StagingTree::CheckNew(StageIno dir, std::string_view name) const {
  const StageNode& parent = At(dir);
  if (parent.kind != NodeKind::kDirectory) return Posix(ENOTDIR, name);
  if (name.size() > kMaxNameSizeBytes) return Posix(ENAMETOOLONG, name);
  if (name.empty() || name == "." || name == "..") return Posix(EINVAL, name);
  if (parent.nlink == 0) return Posix(ENOENT, name);
  return {};
}

Result<uint32_t> StagingTree::ExistingDentry(StageIno dir, std::string_view name) const {
  if (At(dir).kind != NodeKind::kDirectory) return Posix(ENOTDIR, name);
  const uint32_t dentry = FindDentry(Number(dir), name);
  if (dentry == 0) return Posix(ENOENT, name);
  return dentry;
}

void StagingTree::TouchDirectory(uint32_t dir, Timestamp now) {
  nodes_[dir].mtime = nodes_[dir].ctime = now;
}

Result<std::optional<StageIno>> StagingTree::Find(StageIno dir, std::string_view name) const {
  if (At(dir).kind != NodeKind::kDirectory) return Posix(ENOTDIR, name);
  const uint32_t dentry = FindDentry(Number(dir), name);
  if (dentry == 0) return std::nullopt;
  return StageIno{dentries_[dentry].node};
}

std::optional<StageIno> StagingTree::Resolve(std::string_view path) const {
  uint32_t node = kRoot;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    const uint32_t dentry = FindDentry(node, name);
    if (dentry == 0) return std::nullopt;
    node = dentries_[dentry].node;
  }
  return StageIno{node};
}

// ---- Operations ---------------------------------------------------------------------------------

Result<StageIno> StagingTree::Make(StageIno dir, std::string_view name, NodeKind kind,
                                   uint16_t mode, Timestamp now) {
  RETURN_IF_ERROR(CheckNew(dir, name));
  if (FindDentry(Number(dir), name) != 0) return Posix(EEXIST, name);
  const uint32_t number = nodes_.New();
  StageNode& node = nodes_[number];
  node.kind = kind;
  node.mode = mode & 07777;
  node.mtime = node.ctime = now;
  node.nlink = kind == NodeKind::kDirectory ? 2 : 1;
  node.dentry = AddDentry(Number(dir), name, number);
  if (kind == NodeKind::kDirectory) {
    ++nodes_[Number(dir)].nlink;
    ++num_directories_;
  } else if (kind == NodeKind::kFile) {
    ++num_files_;
  }
  TouchDirectory(Number(dir), now);
  return StageIno{number};
}

Result<StageIno> StagingTree::MakeSymlink(StageIno dir, std::string_view name,
                                          std::string_view target, Timestamp now) {
  ASSIGN_OR_RETURN(const StageIno ino, Make(dir, name, NodeKind::kSymlink, 0777, now));
  At(ino).content.size = target.size();
  symlinks_.emplace(Number(ino), target);
  return ino;
}

Status StagingTree::Link(StageIno ino, StageIno dir, std::string_view name, Timestamp now) {
  StageNode& node = At(ino);
  if (node.kind == NodeKind::kDirectory) return Posix(EPERM, name);
  if (node.nlink == 0) return Posix(ENOENT, name);
  RETURN_IF_ERROR(CheckNew(dir, name));
  if (FindDentry(Number(dir), name) != 0) return Posix(EEXIST, name);
  more_names_.emplace(Number(ino), AddDentry(Number(dir), name, Number(ino)));
  ++node.nlink;
  node.ctime = now;
  TouchDirectory(Number(dir), now);
  return {};
}

// `dentry`, just to be removed, is no longer a name of `number`.
void StagingTree::LoseName(uint32_t number, uint32_t dentry) {
  StageNode& node = nodes_[number];
  if (node.kind == NodeKind::kDirectory) {
    node.nlink = 0;
    node.dentry = 0;
    --nodes_[dentries_[dentry].parent].nlink;
    --num_directories_;
    return;
  }
  if (--node.nlink == 0) {
    node.dentry = 0;
    if (node.kind == NodeKind::kFile) --num_files_;
    return;
  }
  const auto [first, last] = more_names_.equal_range(number);
  auto other = first;
  if (node.dentry == dentry) {
    node.dentry = other->second;
  } else {
    while (other != last && other->second != dentry) ++other;
  }
  more_names_.erase(other);
}

Result<StageIno> StagingTree::Unlink(StageIno dir, std::string_view name, Timestamp now) {
  ASSIGN_OR_RETURN(const uint32_t dentry, ExistingDentry(dir, name));
  const uint32_t number = dentries_[dentry].node;
  if (nodes_[number].kind == NodeKind::kDirectory) return Posix(EISDIR, name);
  LoseName(number, dentry);
  RemoveDentry(dentry);
  nodes_[number].ctime = now;
  TouchDirectory(Number(dir), now);
  return StageIno{number};
}

Result<StageIno> StagingTree::RemoveDirectory(StageIno dir, std::string_view name, Timestamp now) {
  ASSIGN_OR_RETURN(const uint32_t dentry, ExistingDentry(dir, name));
  const uint32_t number = dentries_[dentry].node;
  if (nodes_[number].kind != NodeKind::kDirectory) return Posix(ENOTDIR, name);
  if (nodes_[number].first_child != 0) return Posix(ENOTEMPTY, name);
  LoseName(number, dentry);
  RemoveDentry(dentry);
  TouchDirectory(Number(dir), now);
  return StageIno{number};
}

Status StagingTree::CheckReplace(uint32_t number, uint32_t victim, std::string_view name) const {
  const bool is_directory = nodes_[number].kind == NodeKind::kDirectory;
  const bool onto_directory = nodes_[victim].kind == NodeKind::kDirectory;
  if (is_directory && !onto_directory) return Posix(ENOTDIR, name);
  if (!is_directory && onto_directory) return Posix(EISDIR, name);
  if (onto_directory && nodes_[victim].first_child != 0) return Posix(ENOTEMPTY, name);
  return {};
}

bool StagingTree::IsInside(uint32_t number, uint32_t ancestor) const {
  while (number != ancestor) {
    if (number == kRoot || nodes_[number].dentry == 0) return false;
    number = dentries_[nodes_[number].dentry].parent;
  }
  return true;
}

Result<std::optional<StageIno>> StagingTree::Rename(StageIno from_dir, std::string_view from,
                                                    StageIno to_dir, std::string_view to,
                                                    bool may_replace, Timestamp now) {
  ASSIGN_OR_RETURN(const uint32_t source, ExistingDentry(from_dir, from));
  RETURN_IF_ERROR(CheckNew(to_dir, to));
  const uint32_t number = dentries_[source].node;
  const bool is_directory = nodes_[number].kind == NodeKind::kDirectory;
  if (is_directory && IsInside(Number(to_dir), number)) return Posix(EINVAL, to);
  const uint32_t target = FindDentry(Number(to_dir), to);
  std::optional<StageIno> replaced;
  if (target != 0) {
    const uint32_t victim = dentries_[target].node;
    if (!may_replace) return Posix(EEXIST, to);
    if (victim == number) return std::nullopt;  // two names of one file: nothing happens
    RETURN_IF_ERROR(CheckReplace(number, victim, to));
    LoseName(victim, target);
    RemoveDentry(target);
    nodes_[victim].ctime = now;
    replaced = StageIno{victim};
  }
  const uint32_t renamed = AddDentry(Number(to_dir), to, number);
  if (nodes_[number].dentry == source) {
    nodes_[number].dentry = renamed;
  } else {
    auto [other, last] = more_names_.equal_range(number);
    while (other->second != source) ++other;
    other->second = renamed;
  }
  RemoveDentry(source);
  if (is_directory && from_dir != to_dir) {
    --At(from_dir).nlink;
    ++At(to_dir).nlink;
  }
  nodes_[number].ctime = now;
  TouchDirectory(Number(from_dir), now);
  TouchDirectory(Number(to_dir), now);
  return replaced;
}

bool StagingTree::Drop(StageIno ino) {
  const StageNode& node = At(ino);
  if (node.nlink > 0 || node.num_lookups > 0) return false;
  if (node.kind == NodeKind::kSymlink) symlinks_.erase(Number(ino));
  nodes_.Free(Number(ino));
  return true;
}

// ---- Questions ----------------------------------------------------------------------------------

const std::string& StagingTree::SymlinkTarget(StageIno ino) const {
  return symlinks_.at(Number(ino));
}

std::string StagingTree::PathOfDentry(uint32_t number) const {
  std::vector<std::string_view> names;
  size_t size = 0;
  while (number != 0) {
    names.push_back(NameOf(dentries_[number]));
    size += names.back().size() + 1;
    const uint32_t parent = dentries_[number].parent;
    number = parent == kRoot ? 0 : nodes_[parent].dentry;
  }
  std::string path;
  path.reserve(size);
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!path.empty()) path += '/';
    path += *name;
  }
  return path;
}

std::string StagingTree::PathOf(StageIno ino) const { return PathOfDentry(At(ino).dentry); }

std::string StagingTree::PathOf(StageIno dir, std::string_view name) const {
  std::string path = PathOf(dir);
  if (!path.empty()) path += '/';
  return path += name;
}

StageIno StagingTree::ParentOf(StageIno dir) const {
  const uint32_t dentry = At(dir).dentry;
  return dentry == 0 ? kStageRoot : StageIno{dentries_[dentry].parent};
}

std::vector<StageEntry> StagingTree::Children(StageIno dir) const {
  std::vector<StageEntry> children;
  for (uint32_t i = At(dir).first_child; i != 0; i = dentries_[i].next) {
    children.push_back({NameOf(dentries_[i]), StageIno{dentries_[i].node}, i});
  }
  return children;
}

std::vector<uint32_t> StagingTree::ChildIds(StageIno dir) const {
  std::vector<uint32_t> ids;
  for (uint32_t i = At(dir).first_child; i != 0; i = dentries_[i].next) ids.push_back(i);
  return ids;
}

std::optional<StageEntry> StagingTree::EntryOf(StageIno dir, uint32_t id) const {
  const Dentry& dentry = dentries_[id];
  if (dentry.parent != Number(dir)) return std::nullopt;
  return StageEntry{NameOf(dentry), StageIno{dentry.node}, id};
}

uint64_t StagingTree::memory_bytes() const {
  return nodes_.memory_bytes() + dentries_.memory_bytes() + table_.capacity() * sizeof(uint32_t) +
         name_bytes_ + symlinks_.size() * 96 + more_names_.size() * 40;
}

}  // namespace betonfs
