#include "core/index_builder.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace betonfs {
namespace {

bool IsGoodName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameSizeBytes && name != "." && name != ".." &&
         name.find('/') == name.npos && name.find('\0') == name.npos;
}

RawDirectory MakeDirectory(DirIndex parent, const EntryAttributes& attributes) {
  RawDirectory directory{};
  directory.own_entry = kNoEntry;
  directory.parent = Number(parent);
  directory.mode = attributes.mode;
  directory.mtime_s = attributes.mtime_s;
  directory.mtime_ns = attributes.mtime_ns;
  return directory;
}

}  // namespace

IndexBuilder::IndexBuilder(uint64_t num_samples) {
  samples_.resize(num_samples);
  for (RawSample& sample : samples_) sample.entry = kNoEntry;
  directories_.push_back(MakeDirectory(kRootDir, {.mode = 0755}));
}

void IndexBuilder::SetRootAttributes(const EntryAttributes& attributes) {
  directories_[0] = MakeDirectory(kRootDir, attributes);
}

DirIndex IndexBuilder::AddDirectory(DirIndex parent, std::string_view name,
                                    const EntryAttributes& attributes) {
  const DirIndex added{static_cast<uint32_t>(directories_.size())};
  AddEntry(parent, name, EntryKind::kDirectory, Number(added));
  directories_.push_back(MakeDirectory(parent, attributes));
  directories_.back().own_entry = entries_.size() - 1;
  return added;
}

void IndexBuilder::AddSample(SampleIndex index, DirIndex parent, std::string_view name,
                             const EntryAttributes& attributes, uint64_t size_bytes, uint64_t xxh3,
                             RawView raw_view) {
  assert(Number(index) < samples_.size());
  AddEntry(parent, name, EntryKind::kSample, Number(index));
  RawSample& sample = samples_[Number(index)];
  if (sample.entry != kNoEntry && !error_) {
    error_ = Error{ErrorKind::kInvalidArgument,
                   "sample " + std::to_string(Number(index)) + " has two names, '" +
                       PathOf(entries_[sample.entry]) + "' and '" + PathOf(entries_.back()) + "'"};
  }
  sample.entry = entries_.size() - 1;
  sample.size_bytes = size_bytes;
  sample.xxh3 = xxh3;
  sample.mtime_s = attributes.mtime_s;
  sample.mtime_ns = attributes.mtime_ns;
  sample.mode = attributes.mode;
  sample.raw_view = static_cast<uint8_t>(raw_view);
}

void IndexBuilder::AddEntry(DirIndex parent, std::string_view name, EntryKind kind,
                            uint64_t target) {
  assert(Number(parent) < directories_.size());
  RawEntry entry{};
  entry.name_offset = names_.size();
  entry.target = target;
  entry.parent = Number(parent);
  entry.name_size_bytes = static_cast<uint16_t>(std::min<size_t>(name.size(), 0xffff));
  entry.kind = static_cast<uint8_t>(kind);
  names_ += name.substr(0, 0xffff);
  entries_.push_back(entry);
  if (!IsGoodName(name) && !error_) {
    error_ = Error{ErrorKind::kInvalidArgument,
                   "'" + PathOf(entry) +
                       "' cannot be a name: 1 to 255 bytes, no '/' and no NUL, not '.' or '..'"};
  }
}

std::string_view IndexBuilder::NameOf(const RawEntry& entry) const {
  return std::string_view(names_).substr(entry.name_offset, entry.name_size_bytes);
}

std::string IndexBuilder::PathOf(const RawEntry& entry) const {
  std::vector<std::string_view> parts{NameOf(entry)};
  for (uint32_t dir = entry.parent; dir != Number(kRootDir); dir = directories_[dir].parent) {
    parts.push_back(NameOf(entries_[directories_[dir].own_entry]));
  }
  std::string path(parts.back());
  for (size_t i = parts.size() - 1; i-- > 0;) path.append("/").append(parts[i]);
  return path;
}

Status IndexBuilder::CheckSamplesNamed() const {
  for (size_t i = 0; i < samples_.size(); ++i) {
    if (samples_[i].entry != kNoEntry) continue;
    return Fail(ErrorKind::kInvalidArgument, "sample " + std::to_string(i) + " has no name");
  }
  return {};
}

// A counting sort by parent, stable; the directories learn their runs and their own entries.
void IndexBuilder::GroupByDirectory() {
  for (const RawEntry& entry : entries_) {
    RawDirectory& parent = directories_[entry.parent];
    parent.num_entries = parent.num_entries + 1;
  }
  std::vector<uint64_t> next(directories_.size());
  uint64_t first = 0;
  for (size_t dir = 0; dir < directories_.size(); ++dir) {
    next[dir] = directories_[dir].first_entry = first;
    first += directories_[dir].num_entries;
  }
  std::vector<RawEntry> grouped(entries_.size());
  for (const RawEntry& entry : entries_) grouped[next[entry.parent]++] = entry;
  entries_ = std::move(grouped);
}

Status IndexBuilder::SortRuns() {
  const auto by_name = [this](const RawEntry& a, const RawEntry& b) {
    return NameOf(a) < NameOf(b);
  };
  for (const RawDirectory& directory : directories_) {
    const auto begin = entries_.begin() + static_cast<ptrdiff_t>(directory.first_entry);
    const auto end = begin + static_cast<ptrdiff_t>(directory.num_entries);
    if (!std::is_sorted(begin, end, by_name)) std::sort(begin, end, by_name);
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].kind == static_cast<uint8_t>(EntryKind::kDirectory)) {
      directories_[entries_[i].target].own_entry = i;
    }
  }
  for (size_t i = 1; i < entries_.size(); ++i) {
    if (entries_[i].parent != entries_[i - 1].parent) continue;
    if (NameOf(entries_[i]) != NameOf(entries_[i - 1])) continue;
    return Fail(ErrorKind::kInvalidArgument,
                "'" + PathOf(entries_[i]) + "' is there twice: names must differ");
  }
  return {};
}

// Old directory numbers in their new order.  The runs are sorted.
std::vector<uint32_t> IndexBuilder::DepthFirstOrder() const {
  std::vector<uint32_t> order;
  std::vector<uint32_t> to_visit{Number(kRootDir)};
  order.reserve(directories_.size());
  while (!to_visit.empty()) {
    const RawDirectory& directory = directories_[to_visit.back()];
    order.push_back(to_visit.back());
    to_visit.pop_back();
    for (uint64_t i = directory.num_entries; i-- > 0;) {
      const RawEntry& entry = entries_[directory.first_entry + i];
      if (entry.kind != static_cast<uint8_t>(EntryKind::kDirectory)) continue;
      to_visit.push_back(static_cast<uint32_t>(entry.target));
    }
  }
  return order;
}

IndexSections IndexBuilder::Renumbered(const std::vector<uint32_t>& order) {
  std::vector<uint32_t> new_number(order.size());
  for (uint32_t i = 0; i < order.size(); ++i) new_number[order[i]] = i;
  IndexSections sections;
  sections.directories.reserve(order.size());
  sections.entries.reserve(entries_.size());
  sections.names.reserve(names_.size());
  for (const uint32_t old : order) {
    RawDirectory directory = directories_[old];
    const uint64_t old_first = directory.first_entry;
    directory.first_entry = sections.entries.size();
    directory.parent = new_number[directory.parent];
    sections.directories.push_back(directory);
    for (uint64_t i = 0; i < directory.num_entries; ++i) {
      RawEntry entry = entries_[old_first + i];
      const std::string_view name = NameOf(entry);
      entry.name_offset = sections.names.size();
      entry.parent = new_number[entry.parent];
      sections.names += name;
      if (entry.kind == static_cast<uint8_t>(EntryKind::kDirectory)) {
        entry.target = new_number[entry.target];
      } else {
        samples_[entry.target].entry = sections.entries.size();
      }
      sections.entries.push_back(entry);
    }
  }
  for (uint64_t i = 0; i < sections.entries.size(); ++i) {
    const RawEntry& entry = sections.entries[i];
    if (entry.kind != static_cast<uint8_t>(EntryKind::kDirectory)) continue;
    sections.directories[entry.target].own_entry = i;
  }
  sections.samples = std::move(samples_);
  return sections;
}

Result<IndexSections> IndexBuilder::Finish() {
  if (error_) return tl::unexpected(*error_);
  RETURN_IF_ERROR(CheckSamplesNamed());
  GroupByDirectory();
  RETURN_IF_ERROR(SortRuns());
  IndexSections sections = Renumbered(DepthFirstOrder());
  *this = IndexBuilder(0);
  return sections;
}

}  // namespace betonfs
