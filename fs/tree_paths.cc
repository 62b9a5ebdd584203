#include "fs/tree_paths.h"

#include <sys/stat.h>

#include "fs/log.h"

namespace betonfs {

PathsTree::PathsTree(const Shards& shards, uint32_t shard, uint16_t main_field,
                     const Field* label_field)
    : Tree(shards, main_field, label_field),
      shard_(&shards.all()[shard]),
      index_(shard_->dataset->index()),
      shard_number_(shard) {}

Ino PathsTree::InoOf(DirIndex directory) const {
  if (directory == kRootDir) return Ino::Root();
  return Ino::Directory(uint64_t{shard_number_} << 32 | Number(directory));
}

Result<DirIndex> PathsTree::DirectoryOf(Ino directory) const {
  if (directory == Ino::Root()) return kRootDir;
  if (directory.is_tree_directory() && directory.number() >> 32 == shard_number_) {
    return DirIndex{static_cast<uint32_t>(directory.number())};
  }
  return Fail(ErrorKind::kNotFound, "no such directory");
}

Ino PathsTree::Target(const Entry& entry) const {
  if (entry.kind == EntryKind::kDirectory) return InoOf(entry.directory());
  return Ino::File(SampleIndex{shard_->first_sample + entry.target}, main_field());
}

Result<std::optional<Ino>> PathsTree::Lookup(Ino directory, std::string_view name) const {
  ASSIGN_OR_RETURN(const DirIndex dir_index, DirectoryOf(directory));
  ASSIGN_OR_RETURN(const Directory dir, index_->DirectoryAt(dir_index));
  ASSIGN_OR_RETURN(const auto found, index_->Find(dir, name));
  if (!found) return std::nullopt;
  ASSIGN_OR_RETURN(const Entry entry, index_->EntryAt(*found));
  return Target(entry);
}

Status PathsTree::List(Ino directory, uint64_t cursor, const EntrySink& sink) const {
  ASSIGN_OR_RETURN(const DirIndex dir_index, DirectoryOf(directory));
  ASSIGN_OR_RETURN(const Directory dir, index_->DirectoryAt(dir_index));
  bool told = false;
  for (; cursor < dir.num_entries; ++cursor) {
    const auto entry = index_->EntryIn(dir, cursor);
    if (!entry) {
      if (!told) LogError("op=readdir skipped=entry cause=\"" + entry.error().message + "\"");
      told = true;
    } else if (!sink(entry->name, Target(*entry), cursor + 1)) {
      return {};
    }
  }
  return {};
}

Result<Ino> PathsTree::ParentOf(Ino directory) const {
  ASSIGN_OR_RETURN(const DirIndex dir_index, DirectoryOf(directory));
  ASSIGN_OR_RETURN(const Directory dir, index_->DirectoryAt(dir_index));
  return InoOf(dir.parent);
}

Result<SampleIndex> PathsTree::LocalSample(Ino file) const {
  RETURN_IF_ERROR(CheckFile(file));
  return SampleIndex{Number(file.sample()) - shard_->first_sample};
}

Result<Attributes> PathsTree::AttributesOf(Ino ino) const {
  if (ino.is_file()) {
    ASSIGN_OR_RETURN(const SampleIndex sample, LocalSample(ino));
    ASSIGN_OR_RETURN(const SampleRecord record, index_->SampleAt(sample));
    return Attributes{S_IFREG | uint32_t{record.mode}, record.size_bytes, record.mtime_s,
                      record.mtime_ns};
  }
  ASSIGN_OR_RETURN(const DirIndex directory, DirectoryOf(ino));
  return DirectoryAttributes(directory);
}

Result<Attributes> PathsTree::DirectoryAttributes(DirIndex directory) const {
  ASSIGN_OR_RETURN(const Directory dir, index_->DirectoryAt(directory));
  return Attributes{S_IFDIR | uint32_t{dir.mode}, 0, dir.mtime_s, dir.mtime_ns};
}

Result<FileContents> PathsTree::Contents(Ino file) const {
  ASSIGN_OR_RETURN(const SampleIndex sample, LocalSample(file));
  ASSIGN_OR_RETURN(const SampleRecord record, index_->SampleAt(sample));
  ASSIGN_OR_RETURN(FileContents contents,
                   shard_->viewer->Contents(sample, main_field(), record.raw_view));
  if (contents.size_bytes() == record.size_bytes) return contents;
  return Fail(ErrorKind::kCorrupt,
              shard_->dataset->path() + ": sample " + std::to_string(Number(sample)) + " has " +
                  std::to_string(contents.size_bytes()) + " bytes, its record says " +
                  std::to_string(record.size_bytes));
}

Result<std::string> PathsTree::PathOf(Ino file) const {
  ASSIGN_OR_RETURN(const SampleIndex sample, LocalSample(file));
  return index_->PathOf(sample);
}

}  // namespace betonfs
