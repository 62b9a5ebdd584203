#include "fs/tree_merge.h"

#include <algorithm>
#include <queue>

#include "fs/log.h"

namespace betonfs {
namespace {

constexpr uint64_t kMergedBit = uint64_t{1} << 60;  // of a directory's inode number
constexpr int kPartShift = 48;
constexpr uint64_t kEntryMask = (uint64_t{1} << kPartShift) - 1;

uint64_t Key(uint32_t shard, DirIndex directory) {
  return uint64_t{shard} << 32 | Number(directory);
}

}  // namespace

MergedTree::MergedTree(const Shards& shards, uint16_t main_field, const Field* label_field)
    : Tree(shards, main_field, label_field) {
  for (uint32_t shard = 0; shard < shards.all().size(); ++shard) {
    trees_.push_back(std::make_unique<PathsTree>(shards, shard, main_field, label_field));
  }
}

Result<std::unique_ptr<Tree>> MergedTree::Make(const Shards& shards, uint16_t main_field,
                                               const Field* label_field) {
  if (shards.all().size() > (size_t{1} << (64 - kPartShift))) {
    return Fail(ErrorKind::kInvalidArgument, "more than 65536 files in one tree");
  }
  std::unique_ptr<MergedTree> tree(new MergedTree(shards, main_field, label_field));
  RETURN_IF_ERROR(tree->MergeAll());
  return tree;
}

const IndexView& MergedTree::index(uint32_t shard) const {
  return *shards().all()[shard].dataset->index();
}

Result<MergedTree::Part> MergedTree::MakePart(uint32_t shard, DirIndex directory) const {
  ASSIGN_OR_RETURN(const Directory dir, index(shard).DirectoryAt(directory));
  return Part{shard, directory, dir.first_entry, dir.num_entries, 0};
}

size_t MergedTree::AddDirectory(std::vector<Part> parts) {
  const size_t which = directories_.size();
  for (const Part& part : parts) merged_[Key(part.shard, part.directory)] = which;
  directories_.push_back({std::move(parts), {}, 0});
  return which;
}

// Merging a directory adds those below it that are shared, so the list grows as it is walked.
Status MergedTree::MergeAll() {
  std::vector<Part> roots;
  for (uint32_t shard = 0; shard < trees_.size(); ++shard) {
    ASSIGN_OR_RETURN(const Part root, MakePart(shard, kRootDir));
    roots.push_back(root);
  }
  AddDirectory(std::move(roots));
  for (size_t which = 0; which < directories_.size(); ++which) RETURN_IF_ERROR(Merge(which));
  return {};
}

// `apart`: each part's names are all before the next one's.
Result<std::vector<MergedTree::Part>> MergedTree::NonEmptyPartsInOrder(
    const std::vector<Part>& parts, bool& apart) const {
  struct Span {
    std::string_view first, last;
    Part part;
  };
  std::vector<Span> spans;
  for (const Part& part : parts) {
    if (part.num_entries == 0) continue;
    const EntryIndex last{Number(part.first_entry) + part.num_entries - 1};
    ASSIGN_OR_RETURN(const Entry first_entry, index(part.shard).EntryAt(part.first_entry));
    ASSIGN_OR_RETURN(const Entry last_entry, index(part.shard).EntryAt(last));
    spans.push_back({first_entry.name, last_entry.name, part});
  }
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.first < b.first; });
  apart = true;
  std::vector<Part> ordered;
  uint64_t end = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].first <= spans[i - 1].last) apart = false;
    end += spans[i].part.num_entries;
    spans[i].part.end = end;
    ordered.push_back(spans[i].part);
  }
  return ordered;
}

Status MergedTree::Merge(size_t which) {
  bool apart = false;
  ASSIGN_OR_RETURN(auto parts, NonEmptyPartsInOrder(directories_[which].parts, apart));
  MergedDirectory merged{std::move(parts), {}, 0};
  std::vector<std::vector<Part>> shared;
  if (apart) {
    merged.num_entries = merged.parts.empty() ? 0 : merged.parts.back().end;
  } else {
    RETURN_IF_ERROR(MergeEntries(merged, shared));
  }
  // Where all parts are empty one stays, to tell mode and time.
  if (merged.parts.empty()) merged.parts.push_back(directories_[which].parts.front());
  directories_[which] = std::move(merged);
  for (auto& parts_below : shared) AddDirectory(std::move(parts_below));
  return {};
}

// Two entries of one name must be directories.
Status MergedTree::CheckShared(const Found& first, const Found& second) const {
  if (first.entry.kind == EntryKind::kDirectory && second.entry.kind == EntryKind::kDirectory) {
    return {};
  }
  ASSIGN_OR_RETURN(const std::string path, index(second.part->shard).PathOf(second.index));
  return Fail(ErrorKind::kInvalidArgument,
              "'" + path + "' is in " + shards().all()[first.part->shard].dataset->path() +
                  " and in " + shards().all()[second.part->shard].dataset->path() +
                  " (-o shards=dirs gives each file its own directory)");
}

Status MergedTree::MergeEntries(MergedDirectory& directory,
                                std::vector<std::vector<Part>>& shared) {
  struct Cursor {
    Found found;
    uint64_t part, place;
  };
  const auto at = [&](uint64_t part, uint64_t place) -> Result<Cursor> {
    const Part& of = directory.parts[part];
    const EntryIndex entry_index{Number(of.first_entry) + place};
    ASSIGN_OR_RETURN(const Entry entry, index(of.shard).EntryAt(entry_index));
    return Cursor{{&of, entry_index, entry}, part, place};
  };
  const auto later = [](const Cursor& a, const Cursor& b) {
    return a.found.entry.name != b.found.entry.name ? a.found.entry.name > b.found.entry.name
                                                    : a.part > b.part;
  };
  std::priority_queue<Cursor, std::vector<Cursor>, decltype(later)> queue(later);
  for (uint64_t part = 0; part < directory.parts.size(); ++part) {
    ASSIGN_OR_RETURN(const Cursor first, at(part, 0));
    queue.push(first);
  }
  std::optional<Found> last;  // the first of its name
  bool last_shared = false;
  while (!queue.empty()) {
    const Cursor next = queue.top();
    queue.pop();
    if (next.place + 1 < directory.parts[next.part].num_entries) {
      ASSIGN_OR_RETURN(const Cursor following, at(next.part, next.place + 1));
      queue.push(following);
    }
    if (!last || last->entry.name != next.found.entry.name) {
      directory.order.push_back(next.part << kPartShift | next.place);
      last = next.found;
      last_shared = false;
      continue;
    }
    RETURN_IF_ERROR(CheckShared(*last, next.found));
    if (!last_shared) {
      ASSIGN_OR_RETURN(const Part first, MakePart(last->part->shard, last->entry.directory()));
      shared.push_back({first});
      last_shared = true;
    }
    ASSIGN_OR_RETURN(const Part more,
                     MakePart(next.found.part->shard, next.found.entry.directory()));
    shared.back().push_back(more);
  }
  directory.num_entries = directory.order.size();
  return {};
}

const MergedTree::MergedDirectory* MergedTree::Merged(Ino directory) const {
  if (directory == Ino::Root()) return &directories_.front();
  if (directory.kind() != Ino::Kind::kDirectory || !(directory.number() & kMergedBit)) {
    return nullptr;
  }
  const uint64_t which = directory.number() & ~kMergedBit;
  return which < directories_.size() ? &directories_[which] : nullptr;
}

const PathsTree& MergedTree::TreeOf(Ino ino) const {
  uint64_t shard = 0;
  if (ino.is_file()) {
    if (Number(ino.sample()) < shards().num_samples()) {
      shard = static_cast<uint64_t>(shards().Locate(ino.sample()).shard - shards().all().data());
    }
  } else {
    shard = ino.number() >> 32;
  }
  return *trees_[shard < trees_.size() ? shard : 0];  // which refuses what is not its own
}

Ino MergedTree::InoOf(uint32_t shard, DirIndex directory) const {
  const auto found = merged_.find(Key(shard, directory));
  if (found == merged_.end()) return Ino::Directory(Key(shard, directory));
  return found->second == 0 ? Ino::Root() : Ino::Directory(kMergedBit | found->second);
}

Result<MergedTree::Found> MergedTree::EntryAt(const MergedDirectory& directory,
                                              uint64_t position) const {
  const Part* part = nullptr;
  uint64_t place = 0;
  if (!directory.order.empty()) {
    part = &directory.parts[directory.order[position] >> kPartShift];
    place = directory.order[position] & kEntryMask;
  } else {
    part = &*std::upper_bound(directory.parts.begin(), directory.parts.end(), position,
                              [](uint64_t p, const Part& candidate) { return p < candidate.end; });
    place = position - (part->end - part->num_entries);
  }
  const EntryIndex entry_index{Number(part->first_entry) + place};
  ASSIGN_OR_RETURN(const Entry entry, index(part->shard).EntryAt(entry_index));
  return Found{part, entry_index, entry};
}

Ino MergedTree::Target(const Found& found) const {
  const Ino ino = trees_[found.part->shard]->Target(found.entry);
  if (ino.is_file()) return ino;
  return InoOf(found.part->shard, found.entry.directory());
}

Result<std::optional<Ino>> MergedTree::Lookup(Ino directory, std::string_view name) const {
  const MergedDirectory* merged = Merged(directory);
  if (!merged) return TreeOf(directory).Lookup(directory, name);
  uint64_t first = 0, end = merged->num_entries;
  while (first < end) {
    const uint64_t middle = first + (end - first) / 2;
    ASSIGN_OR_RETURN(const Found found, EntryAt(*merged, middle));
    const int order = found.entry.name.compare(name);
    if (order == 0) return Target(found);
    (order < 0 ? first : end) = order < 0 ? middle + 1 : middle;
  }
  return std::nullopt;
}

Status MergedTree::List(Ino directory, uint64_t cursor, const EntrySink& sink) const {
  const MergedDirectory* merged = Merged(directory);
  if (!merged) return TreeOf(directory).List(directory, cursor, sink);
  bool told = false;
  for (; cursor < merged->num_entries; ++cursor) {
    const auto found = EntryAt(*merged, cursor);
    if (!found) {
      if (!told) LogError("op=readdir skipped=entry cause=\"" + found.error().message + "\"");
      told = true;
    } else if (!sink(found->entry.name, Target(*found), cursor + 1)) {
      return {};
    }
  }
  return {};
}

Result<Ino> MergedTree::ParentOf(Ino directory) const {
  const MergedDirectory* merged = Merged(directory);
  const auto shard =
      merged ? merged->parts.front().shard : static_cast<uint32_t>(directory.number() >> 32);
  const DirIndex own = merged ? merged->parts.front().directory
                              : DirIndex{static_cast<uint32_t>(directory.number())};
  if (shard >= trees_.size()) return Fail(ErrorKind::kNotFound, "no such directory");
  ASSIGN_OR_RETURN(const Directory dir, index(shard).DirectoryAt(own));
  return InoOf(shard, dir.parent);
}

Result<Attributes> MergedTree::AttributesOf(Ino ino) const {
  const MergedDirectory* merged = Merged(ino);
  if (!merged) return TreeOf(ino).AttributesOf(ino);
  const Part& part = merged->parts.front();
  return trees_[part.shard]->DirectoryAttributes(part.directory);
}

Result<FileContents> MergedTree::Contents(Ino file) const { return TreeOf(file).Contents(file); }

Result<std::string> MergedTree::PathOf(Ino file) const { return TreeOf(file).PathOf(file); }

}  // namespace betonfs
