#include "fs/tree_shard_dirs.h"

#include <algorithm>
#include <filesystem>

#include "fs/control_files.h"

namespace betonfs {
namespace {

// "photos" for /data/photos.beton; with the file's number where that is taken or reserved.
std::vector<std::string> NameDirectories(const Shards& shards) {
  std::vector<std::string> names;
  for (const Shard& shard : shards.all()) {
    std::string name = std::filesystem::path(shard.dataset->path()).stem().string();
    while (name.empty() || name == kControlDirectory ||
           std::find(names.begin(), names.end(), name) != names.end()) {
      name += "_" + std::to_string(names.size());
    }
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

ShardDirsTree::ShardDirsTree(const Shards& shards, std::vector<std::unique_ptr<Tree>> trees)
    : Tree(shards, trees.front()->main_field(), trees.front()->label_field()),
      trees_(std::move(trees)),
      names_(NameDirectories(shards)) {}

Result<ShardDirsTree::Inner> ShardDirsTree::InnerOf(Ino ino) const {
  if (ino.is_file()) {
    RETURN_IF_ERROR(CheckFile(ino));
    const Shard* shard = shards().Locate(ino.sample()).shard;
    return Inner{static_cast<size_t>(shard - shards().all().data()), ino};
  }
  if (ino.kind() != Ino::Kind::kDirectory) {
    return Fail(ErrorKind::kNotFound, "no such directory");
  }
  const uint64_t number = ino.number() / trees_.size();
  const size_t which = ino.number() % trees_.size();
  return Inner{which, number == 0 ? Ino::Root() : Ino::Directory(number - 1)};
}

Ino ShardDirsTree::OuterOf(size_t which, Ino inner) const {
  if (inner.is_file()) return inner;
  const uint64_t number = inner == Ino::Root() ? 0 : inner.number() + 1;
  return Ino::Directory(number * trees_.size() + which);
}

Result<std::optional<Ino>> ShardDirsTree::Lookup(Ino directory, std::string_view name) const {
  if (directory == Ino::Root()) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) return std::nullopt;
    return OuterOf(static_cast<size_t>(found - names_.begin()), Ino::Root());
  }
  ASSIGN_OR_RETURN(const Inner inner, InnerOf(directory));
  ASSIGN_OR_RETURN(const auto found, trees_[inner.which]->Lookup(inner.ino, name));
  if (!found) return std::nullopt;
  return OuterOf(inner.which, *found);
}

Status ShardDirsTree::List(Ino directory, uint64_t cursor, const EntrySink& sink) const {
  if (directory == Ino::Root()) {
    for (; cursor < names_.size(); ++cursor) {
      if (!sink(names_[cursor], OuterOf(cursor, Ino::Root()), cursor + 1)) return {};
    }
    return {};
  }
  ASSIGN_OR_RETURN(const Inner inner, InnerOf(directory));
  return trees_[inner.which]->List(inner.ino, cursor,
                                   [&](std::string_view name, Ino ino, uint64_t next) {
                                     return sink(name, OuterOf(inner.which, ino), next);
                                   });
}

Result<Ino> ShardDirsTree::ParentOf(Ino directory) const {
  if (directory == Ino::Root()) return directory;
  ASSIGN_OR_RETURN(const Inner inner, InnerOf(directory));
  if (inner.ino == Ino::Root()) return Ino::Root();
  ASSIGN_OR_RETURN(const Ino parent, trees_[inner.which]->ParentOf(inner.ino));
  return OuterOf(inner.which, parent);
}

Result<Attributes> ShardDirsTree::AttributesOf(Ino ino) const {
  if (ino == Ino::Root()) {
    ASSIGN_OR_RETURN(Attributes attributes, trees_.front()->AttributesOf(ino));
    return attributes;
  }
  ASSIGN_OR_RETURN(const Inner inner, InnerOf(ino));
  return trees_[inner.which]->AttributesOf(inner.ino);
}

Result<FileContents> ShardDirsTree::Contents(Ino file) const {
  ASSIGN_OR_RETURN(const Inner inner, InnerOf(file));
  return trees_[inner.which]->Contents(file);
}

Result<std::string> ShardDirsTree::PathOf(Ino file) const {
  ASSIGN_OR_RETURN(const Inner inner, InnerOf(file));
  ASSIGN_OR_RETURN(const std::string path, trees_[inner.which]->PathOf(file));
  return names_[inner.which] + "/" + path;
}

}  // namespace betonfs
