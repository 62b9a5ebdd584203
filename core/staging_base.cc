#include "core/staging_base.h"

#include <vector>

#include "core/text.h"

namespace betonfs {
namespace {

Result<Content> ContentOf(const Dataset& dataset, const Field& field, SampleIndex sample) {
  ASSIGN_OR_RETURN(const Payload payload, dataset.PayloadOf(sample, field));
  ASSIGN_OR_RETURN(const SampleRecord record, dataset.index()->SampleAt(sample));
  if (field.type == FieldType::kRgbImage && !payload.is_jpeg) {
    return Fail(ErrorKind::kUnsupported,
                Cat(dataset.path(), ": sample ", Number(sample),
                    " is a raw image, which is not a file as it was copied in"));
  }
  Content content;
  content.where = Where::kBase;
  content.offset = payload.offset;
  content.size = payload.bytes.size();
  content.xxh3 = record.xxh3;
  if (field.type == FieldType::kRgbImage) {
    content.picture = Picture::kJpeg;
    content.components = 3;  // or one: FFCV decodes both, which is all that commit asks
    content.width = payload.width;
    content.height = payload.height;
  }
  return content;
}

Status LoadDirectory(const Dataset& dataset, const Field& field, StagingTree& tree, DirIndex index,
                     std::vector<StageIno>& nodes) {
  ASSIGN_OR_RETURN(const Directory directory, dataset.index()->DirectoryAt(index));
  const StageIno dir = nodes[Number(index)];
  for (uint64_t i = 0; i < directory.num_entries; ++i) {
    ASSIGN_OR_RETURN(const Entry entry,
                     dataset.index()->EntryAt(EntryIndex{Number(directory.first_entry) + i}));
    if (entry.kind == EntryKind::kDirectory) {
      ASSIGN_OR_RETURN(const StageIno made,
                       tree.Make(dir, entry.name, NodeKind::kDirectory, 0755, Timestamp()));
      nodes[Number(entry.directory())] = made;
      continue;
    }
    ASSIGN_OR_RETURN(const Content content, ContentOf(dataset, field, entry.sample()));
    ASSIGN_OR_RETURN(const SampleRecord record, dataset.index()->SampleAt(entry.sample()));
    ASSIGN_OR_RETURN(const StageIno made, tree.Make(dir, entry.name, NodeKind::kFile, record.mode,
                                                    {record.mtime_s, record.mtime_ns}));
    StageNode& node = tree.At(made);
    node.content = content;
    node.times_sealed = 1;
  }
  StageNode& node = tree.At(dir);
  node.mode = directory.mode & 07777;
  node.mtime = node.ctime = {directory.mtime_s, directory.mtime_ns};
  return {};
}

}  // namespace

const Field* FileField(const Schema& schema) {
  const Field* file = nullptr;
  for (const Field& field : schema.fields()) {
    const bool is_label = field.type == FieldType::kInt && field.name == "label";
    const bool is_file = field.type == FieldType::kRgbImage || field.type == FieldType::kBytes;
    if (is_label) continue;
    if (!is_file || file) return nullptr;
    file = &field;
  }
  return file;
}

Status LoadBaseTree(const Dataset& dataset, StagingTree& tree) {
  const Field* field = FileField(dataset.schema());
  if (!field) {
    return Fail(ErrorKind::kUnsupported,
                Cat(dataset.path(),
                    ": its samples are not one file each (and a label), so they "
                    "cannot be staged"));
  }
  if (dataset.index_error()) return tl::unexpected(*dataset.index_error());
  if (!dataset.index()) {
    return Fail(ErrorKind::kUnsupported,
                Cat(dataset.path(), ": made by FFCV, without file names, so it cannot be staged"));
  }
  std::vector<StageIno> nodes(dataset.index()->num_directories(), StageIno{0});
  nodes[0] = kStageRoot;
  // Directories are numbered in the order of their paths, so parents come first.
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    if (Number(nodes[i]) == 0) {
      return Fail(ErrorKind::kCorrupt,
                  Cat(dataset.path(), ": directory ", i, " comes before the one it lies in"));
    }
    RETURN_IF_ERROR(LoadDirectory(dataset, *field, tree, DirIndex{i}, nodes));
  }
  return {};
}

}  // namespace betonfs
