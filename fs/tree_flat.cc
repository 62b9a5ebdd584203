#include "fs/tree_flat.h"

#include <sys/stat.h>

namespace betonfs {

Result<FileContents> MadeUpTree::Contents(Ino file) const {
  RETURN_IF_ERROR(CheckFile(file));
  const auto local = shards().Locate(file.sample());
  return local.shard->viewer->Contents(local.index, file.field(), names_.raw_view());
}

Result<Attributes> MadeUpTree::FileAttributes(Ino file) const {
  RETURN_IF_ERROR(CheckFile(file));
  const auto local = shards().Locate(file.sample());
  ASSIGN_OR_RETURN(const uint64_t size,
                   local.shard->viewer->SizeBytes(local.index, file.field(), names_.raw_view()));
  const FileIdentity& identity = local.shard->dataset->file().identity();
  return Attributes{S_IFREG | 0444, size, identity.mtime_s,
                    static_cast<uint32_t>(identity.mtime_ns)};
}

Attributes MadeUpTree::DirectoryAttributes() const {
  const FileIdentity& identity = shards().all().front().dataset->file().identity();
  return Attributes{S_IFDIR | 0555, 0, identity.mtime_s, static_cast<uint32_t>(identity.mtime_ns)};
}

Result<size_t> MadeUpTree::WhichField(Ino file) const {
  for (size_t which = 0; which < names_.fields().size(); ++which) {
    if (names_.fields()[which].field == file.field()) return which;
  }
  return Fail(ErrorKind::kNotFound, "field " + std::to_string(file.field()) + " has no file");
}

Result<std::optional<Ino>> FlatTree::Lookup(Ino directory, std::string_view name) const {
  if (directory != Ino::Root()) return Fail(ErrorKind::kNotFound, "no such directory");
  const auto parsed = names().Parse(name);
  if (!parsed) return std::nullopt;
  return Ino::File(parsed->sample, names().fields()[parsed->which].field);
}

Status FlatTree::List(Ino directory, uint64_t cursor, const EntrySink& sink) const {
  if (directory != Ino::Root()) return Fail(ErrorKind::kNotFound, "no such directory");
  const uint64_t num_fields = names().fields().size();
  const SampleRange range = names().range();
  SampleNames::Buffer buffer;
  for (; cursor / num_fields < range.count; ++cursor) {
    const SampleIndex sample{range.first + cursor / num_fields};
    const size_t which = cursor % num_fields;
    const Ino file = Ino::File(sample, names().fields()[which].field);
    if (!sink(names().Format(sample, which, buffer), file, cursor + 1)) return {};
  }
  return {};
}

Result<Ino> FlatTree::ParentOf(Ino) const { return Ino::Root(); }

Result<Attributes> FlatTree::AttributesOf(Ino ino) const {
  if (ino == Ino::Root()) return DirectoryAttributes();
  return FileAttributes(ino);
}

Result<std::string> FlatTree::PathOf(Ino file) const {
  RETURN_IF_ERROR(CheckFile(file));
  ASSIGN_OR_RETURN(const size_t which, WhichField(file));
  SampleNames::Buffer buffer;
  return std::string(names().Format(file.sample(), which, buffer));
}

}  // namespace betonfs
