#include "core/index_view.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>

#include "core/text.h"

namespace betonfs {
namespace {

// Paths deeper than this are taken for a cycle.
constexpr size_t kMaxDepth = 65536;
constexpr uint32_t kNanosecondsPerSecond = 1'000'000'000;
// More errors than anybody reads are not looked for.
constexpr size_t kMaxVerifyErrors = 1000;
constexpr uint64_t kMaxDirectories = std::numeric_limits<uint32_t>::max();

constexpr const char* kSectionNames[kNumSections] = {"directories", "entries", "names", "samples",
                                                     "checksums"};
constexpr const char* kRangeNames[kNumProtectedRanges] = {
    "header", "metadata", "allocation table", "directories", "entries", "names", "samples"};

uint64_t End(Extent extent) { return extent.offset + extent.size; }

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameSizeBytes && name != "." && name != ".." &&
         name.find('/') == name.npos && name.find('\0') == name.npos;
}

template <class T>
T ReadAs(Bytes bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

Result<std::unique_ptr<IndexView>> IndexView::Open(Bytes file, const RawHeader& header, Extent rows,
                                                   Extent table, const std::string& path) {
  const uint64_t rows_end = End(rows);
  if (table.offset < rows_end || table.offset - rows_end < sizeof(RawTrailer)) return nullptr;
  const uint64_t trailer_offset = table.offset - sizeof(RawTrailer);
  const auto bytes = Slice(file, trailer_offset, sizeof(RawTrailer));
  if (!bytes) return nullptr;
  const auto trailer = ReadAs<RawTrailer>(*bytes);
  if (std::memcmp(trailer.magic, kTrailerMagic, sizeof kTrailerMagic) != 0) return nullptr;

  std::unique_ptr<IndexView> view(new IndexView());
  view->file_ = file;
  view->path_ = path;
  RETURN_IF_ERROR(view->ParseTrailer(trailer, trailer_offset, header));
  RETURN_IF_ERROR(view->PlaceSections(trailer, trailer_offset, rows_end));
  RETURN_IF_ERROR(view->MakeChecks(trailer, Extent{0, rows.offset}, rows, table));
  return view;
}

tl::unexpected<Error> IndexView::Corrupt(const std::string& what) const {
  return Fail(ErrorKind::kCorrupt, Cat(path_, ": ", what));
}

void IndexView::Report(std::vector<Error>& errors, const std::string& what) const {
  errors.push_back(Corrupt(what).value());
}

Status IndexView::ParseTrailer(const RawTrailer& trailer, uint64_t trailer_offset,
                               const RawHeader& header) {
  const std::string where = Cat("index trailer at ", trailer_offset, ": ");
  if (trailer.version != kIndexVersion) {
    return Fail(ErrorKind::kUnsupported,
                Cat(path_, ": ", where, "version ", uint32_t{trailer.version}, ", expected ",
                    kIndexVersion));
  }
  const Bytes covered =
      std::as_bytes(std::span(&trailer, 1)).first(offsetof(RawTrailer, trailer_xxh3));
  if (const uint64_t found = Xxh3(covered); found != trailer.trailer_xxh3) {
    return Corrupt(
        Cat(where, "its checksum is ", Hex(found), ", expected ", Hex(trailer.trailer_xxh3)));
  }
  const struct {
    const char* what;
    uint64_t found;
    uint64_t expected;
  } numbers[] = {
      {"sections", trailer.num_sections, kNumSections},
      {"samples", trailer.num_samples, header.num_samples},
      {"as table offset", trailer.alloc_table_offset, header.alloc_table_offset},
      {"as file size", trailer.file_size_bytes, file_.size()},
  };
  for (const auto& number : numbers) {
    if (number.found != number.expected) {
      return Corrupt(
          Cat(where, "has ", number.found, " ", number.what, ", the file ", number.expected));
    }
  }
  num_samples_ = header.num_samples;
  return {};
}

Status IndexView::PlaceSections(const RawTrailer& trailer, uint64_t trailer_offset,
                                uint64_t rows_end) {
  uint64_t previous_end = rows_end;
  for (size_t i = 0; i < kNumSections; ++i) {
    const Extent section{trailer.sections[i].offset, trailer.sections[i].size_bytes};
    const bool at_home =
        i == 0 ? section.offset >= previous_end && section.offset % kSectionAlignmentBytes == 0
               : section.offset == AlignUp(previous_end, kSectionAlignmentBytes);
    if (!at_home || !Slice(file_.first(trailer_offset), section.offset, section.size)) {
      return Corrupt(Cat("index section ", kSectionNames[i], " at ", section.offset, " with ",
                         section.size, " bytes: expected between ", previous_end, " and ",
                         trailer_offset, ", at the next multiple of 8"));
    }
    sections_[i] = section;
    previous_end = End(section);
  }
  region_ = {sections_[0].offset, trailer_offset + sizeof(RawTrailer) - sections_[0].offset};
  if (previous_end != trailer_offset) {
    return Corrupt(Cat("index section checksums ends at ", previous_end,
                       ", expected the trailer at ", trailer_offset));
  }
  num_directories_ = section(SectionKind::kDirectories).size / sizeof(RawDirectory);
  num_entries_ = section(SectionKind::kEntries).size / sizeof(RawEntry);
  // Every sample and every directory but the root has one name.
  const struct {
    SectionKind kind;
    uint64_t expected;
  } sizes[] = {
      {SectionKind::kDirectories, num_directories_ * sizeof(RawDirectory)},
      {SectionKind::kEntries, (num_samples_ + num_directories_ - 1) * sizeof(RawEntry)},
      {SectionKind::kSamples, num_samples_ * sizeof(RawSample)},
  };
  for (const auto& size : sizes) {
    const Extent found = section(size.kind);
    if (found.size != size.expected || num_directories_ == 0 ||
        num_directories_ > kMaxDirectories) {
      return Corrupt(Cat("index section ", kSectionNames[static_cast<size_t>(size.kind)], " at ",
                         found.offset, " has ", found.size, " bytes, expected ", size.expected));
    }
  }
  return {};
}

Status IndexView::MakeChecks(const RawTrailer& trailer, Extent header, Extent rows, Extent table) {
  const Extent checksums = section(SectionKind::kChecksums);
  const Bytes all = *Slice(file_, checksums.offset, checksums.size);
  if (const uint64_t found = Xxh3(all); found != trailer.checksums_xxh3) {
    return Corrupt(Cat("index section checksums at ", checksums.offset, ": its checksum is ",
                       Hex(found), ", expected ", Hex(trailer.checksums_xxh3)));
  }
  const Extent ranges[kNumProtectedRanges] = {header,
                                              rows,
                                              table,
                                              section(SectionKind::kDirectories),
                                              section(SectionKind::kEntries),
                                              section(SectionKind::kNames),
                                              section(SectionKind::kSamples)};
  uint64_t expected_size = 0;
  for (const Extent& range : ranges) {
    expected_size += BlockChecks::NumBlocks(range.size) * sizeof(u64le);
  }
  if (checksums.size != expected_size) {
    return Corrupt(Cat("index section checksums at ", checksums.offset, " has ", checksums.size,
                       " bytes, expected ", expected_size));
  }
  uint64_t offset = 0;
  for (size_t i = 0; i < kNumProtectedRanges; ++i) {
    const uint64_t size = BlockChecks::NumBlocks(ranges[i].size) * sizeof(u64le);
    checks_[i] = std::make_unique<BlockChecks>(*Slice(file_, ranges[i].offset, ranges[i].size),
                                               *Slice(all, offset, size), ranges[i].offset,
                                               Cat(path_, ": ", kRangeNames[i]));
    offset += size;
  }
  return checks(ProtectedRange::kHeader).Touch(0, header.size);
}

template <class T>
Result<T> IndexView::Item(SectionKind kind, ProtectedRange range, uint64_t index,
                          const char* what) const {
  const Extent extent = section(kind);
  if (index >= extent.size / sizeof(T)) {
    return Corrupt(Cat("no ", what, " ", index, ", there are ", extent.size / sizeof(T)));
  }
  RETURN_IF_ERROR(checks(range).Touch(index * sizeof(T), sizeof(T)));
  return ReadAs<T>(*Slice(file_, extent.offset + index * sizeof(T), sizeof(T)));
}

Result<Directory> IndexView::DirectoryAt(DirIndex index) const {
  ASSIGN_OR_RETURN(const auto raw,
                   Item<RawDirectory>(SectionKind::kDirectories, ProtectedRange::kDirectories,
                                      Number(index), "directory"));
  const bool is_root = index == kRootDir;
  const bool run_fits =
      raw.first_entry <= num_entries_ && raw.num_entries <= num_entries_ - raw.first_entry;
  const bool named = is_root ? raw.own_entry == kNoEntry : raw.own_entry < num_entries_;
  const bool has_parent = is_root ? raw.parent == 0 : raw.parent < num_directories_;
  if (!run_fits || !named || !has_parent || raw.mode > 07777 ||
      raw.mtime_ns >= kNanosecondsPerSecond || raw.zero != 0) {
    return Corrupt(Cat("directory ", Number(index), ": entries ", uint64_t{raw.first_entry}, " + ",
                       uint64_t{raw.num_entries}, " of ", num_entries_, ", own entry ",
                       uint64_t{raw.own_entry}, ", parent ", uint32_t{raw.parent}, " of ",
                       num_directories_, ", mode ", uint32_t{raw.mode}, ", nanoseconds ",
                       uint32_t{raw.mtime_ns}, ": impossible"));
  }
  return Directory{index,
                   EntryIndex{uint64_t{raw.first_entry}},
                   raw.num_entries,
                   EntryIndex{uint64_t{raw.own_entry}},
                   DirIndex{uint32_t{raw.parent}},
                   static_cast<uint16_t>(raw.mode),
                   raw.mtime_s,
                   raw.mtime_ns};
}

Result<std::string_view> IndexView::NameOf(const RawEntry& raw, uint64_t index) const {
  const Extent names = section(SectionKind::kNames);
  const auto bytes =
      Slice(*Slice(file_, names.offset, names.size), raw.name_offset, raw.name_size_bytes);
  if (!bytes) {
    return Corrupt(Cat("entry ", index, ": a name at ", uint64_t{raw.name_offset}, " with ",
                       uint16_t{raw.name_size_bytes}, " bytes, the names have ", names.size));
  }
  RETURN_IF_ERROR(checks(ProtectedRange::kNames).Touch(raw.name_offset, raw.name_size_bytes));
  const std::string_view name = AsText(*bytes);
  if (!IsName(name)) {
    return Corrupt(Cat("entry ", index, ": a name of ", name.size(), " bytes at ",
                       names.offset + raw.name_offset, " that no file can have"));
  }
  return name;
}

Result<Entry> IndexView::EntryAt(EntryIndex index) const {
  ASSIGN_OR_RETURN(const auto raw, Item<RawEntry>(SectionKind::kEntries, ProtectedRange::kEntries,
                                                  Number(index), "entry"));
  ASSIGN_OR_RETURN(const std::string_view name, NameOf(raw, Number(index)));
  const bool is_directory = raw.kind == static_cast<uint8_t>(EntryKind::kDirectory);
  const bool is_sample = raw.kind == static_cast<uint8_t>(EntryKind::kSample);
  const uint64_t num_targets = is_directory ? num_directories_ : num_samples_;
  // Nothing leads to the root: a walk downwards cannot come back to it.
  if ((!is_directory && !is_sample) || raw.target >= num_targets || raw.zero != 0 ||
      raw.parent >= num_directories_ || (is_directory && raw.target == 0)) {
    return Corrupt(Cat("entry ", Number(index), ": kind ", raw.kind, ", target ",
                       uint64_t{raw.target}, " of ", num_targets, ", parent ", uint32_t{raw.parent},
                       " of ", num_directories_, ": impossible"));
  }
  if (is_directory) {
    const DirIndex child_index{static_cast<uint32_t>(raw.target)};
    ASSIGN_OR_RETURN(const Directory child, DirectoryAt(child_index));
    // One way leads to a directory: else a small file could hold an endless tree.
    if (child.own_entry != index || child.parent != DirIndex{uint32_t{raw.parent}}) {
      return Corrupt(Cat("entry ", Number(index), ": directory ", Number(child_index),
                         " is of entry ", Number(child.own_entry), " in directory ",
                         Number(child.parent)));
    }
  }
  return Entry{name, static_cast<EntryKind>(raw.kind), raw.target, DirIndex{uint32_t{raw.parent}}};
}

Result<Entry> IndexView::EntryIn(const Directory& directory, uint64_t position) const {
  assert(position < directory.num_entries);
  const EntryIndex index{Number(directory.first_entry) + position};
  ASSIGN_OR_RETURN(const Entry entry, EntryAt(index));
  if (entry.parent != directory.index) {
    return Corrupt(Cat("entry ", Number(index), " of directory ", Number(directory.index),
                       ": says it is in directory ", Number(entry.parent)));
  }
  return entry;
}

Result<SampleRecord> IndexView::SampleAt(SampleIndex index) const {
  ASSIGN_OR_RETURN(const auto raw, Item<RawSample>(SectionKind::kSamples, ProtectedRange::kSamples,
                                                   Number(index), "sample"));
  if (raw.entry >= num_entries_ || raw.mtime_ns >= kNanosecondsPerSecond || raw.mode > 07777 ||
      raw.raw_view > static_cast<uint8_t>(RawView::kPng) || raw.zero != 0) {
    return Corrupt(Cat("sample ", Number(index), ": entry ", uint64_t{raw.entry}, " of ",
                       num_entries_, ", nanoseconds ", uint32_t{raw.mtime_ns}, ", mode ",
                       uint16_t{raw.mode}, ", raw view ", raw.raw_view, ": impossible"));
  }
  return SampleRecord{EntryIndex{uint64_t{raw.entry}},
                      raw.size_bytes,
                      raw.xxh3,
                      raw.mtime_s,
                      raw.mtime_ns,
                      raw.mode,
                      static_cast<RawView>(raw.raw_view)};
}

Result<std::optional<EntryIndex>> IndexView::Find(const Directory& directory,
                                                  std::string_view name) const {
  uint64_t low = 0, high = directory.num_entries;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    const uint64_t index = Number(directory.first_entry) + middle;
    // Names alone: what is wrong with a neighbour is no reason not to find this one.
    ASSIGN_OR_RETURN(const auto raw, Item<RawEntry>(SectionKind::kEntries, ProtectedRange::kEntries,
                                                    index, "entry"));
    ASSIGN_OR_RETURN(const std::string_view candidate, NameOf(raw, index));
    const int order = candidate.compare(name);
    if (order == 0) {
      RETURN_IF_ERROR(EntryIn(directory, middle));
      return EntryIndex{index};
    }
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return std::nullopt;
}

Result<std::string> IndexView::PathOf(EntryIndex index) const {
  std::vector<std::string_view> parts;
  for (;;) {
    ASSIGN_OR_RETURN(const Entry entry, EntryAt(index));
    parts.push_back(entry.name);
    if (entry.parent == kRootDir) break;
    if (parts.size() > kMaxDepth) {
      return Corrupt(Cat("entry ", Number(index), ": its directories form a cycle"));
    }
    ASSIGN_OR_RETURN(const Directory parent, DirectoryAt(entry.parent));
    index = parent.own_entry;
  }
  std::string path;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (!path.empty()) path += '/';
    path += *part;
  }
  return path;
}

Result<std::string> IndexView::PathOf(SampleIndex sample) const {
  ASSIGN_OR_RETURN(const SampleRecord record, SampleAt(sample));
  return PathOf(record.entry);
}

Result<std::string> IndexView::PathOf(DirIndex index) const {
  if (index == kRootDir) return std::string();
  ASSIGN_OR_RETURN(const Directory directory, DirectoryAt(index));
  return PathOf(directory.own_entry);
}

Result<std::optional<EntryIndex>> IndexView::Resolve(std::string_view path) const {
  DirIndex directory_index = kRootDir;
  for (;;) {
    const size_t slash = path.find('/');
    ASSIGN_OR_RETURN(const Directory directory, DirectoryAt(directory_index));
    ASSIGN_OR_RETURN(const auto found, Find(directory, path.substr(0, slash)));
    if (!found || slash == path.npos) return found;
    ASSIGN_OR_RETURN(const Entry entry, EntryAt(*found));
    if (entry.kind != EntryKind::kDirectory) return std::nullopt;
    directory_index = entry.directory();
    path.remove_prefix(slash + 1);
  }
}

std::vector<Error> IndexView::VerifyAll() const {
  std::vector<Error> errors;
  for (const auto& check : checks_) {
    auto found = check->VerifyAll();
    std::move(found.begin(), found.end(), std::back_inserter(errors));
  }
  // Behind a bad checksum every item would be one more error that says the same.
  if (!errors.empty()) return errors;
  VerifyRuns(errors);
  VerifyNames(errors);
  if (!errors.empty()) return errors;  // runs that overlap would be walked over and over
  for (uint64_t i = 0; i < num_directories_ && errors.size() < kMaxVerifyErrors; ++i) {
    VerifyDirectory(DirIndex{static_cast<uint32_t>(i)}, errors);
  }
  for (uint64_t i = 0; i < num_samples_ && errors.size() < kMaxVerifyErrors; ++i) {
    VerifySample(SampleIndex{i}, errors);
  }
  VerifyPadding(errors);
  return errors;
}

// The runs of the directories follow one another, so each entry is in one of them.
void IndexView::VerifyRuns(std::vector<Error>& errors) const {
  uint64_t next_entry = 0;
  for (uint64_t i = 0; i < num_directories_; ++i) {
    const auto directory = DirectoryAt(DirIndex{static_cast<uint32_t>(i)});
    if (!directory) return errors.push_back(directory.error());
    if (Number(directory->first_entry) != next_entry) {
      return Report(errors, Cat("directory ", i, ": its entries start at ",
                                Number(directory->first_entry), ", expected ", next_entry));
    }
    next_entry += directory->num_entries;
  }
  if (next_entry != num_entries_) {
    Report(errors, Cat("the directories hold ", next_entry, " entries of ", num_entries_));
  }
}

// The names follow one another too.
void IndexView::VerifyNames(std::vector<Error>& errors) const {
  uint64_t next_name = 0;
  for (uint64_t i = 0; i < num_entries_; ++i) {
    const auto raw = Item<RawEntry>(SectionKind::kEntries, ProtectedRange::kEntries, i, "entry");
    if (!raw) return errors.push_back(raw.error());
    if (raw->name_offset != next_name) {
      return Report(errors, Cat("entry ", i, ": its name is at ", uint64_t{raw->name_offset},
                                " of the names, expected ", next_name));
    }
    next_name += raw->name_size_bytes;
  }
  if (const uint64_t size = section(SectionKind::kNames).size; next_name != size) {
    Report(errors, Cat("the names end at ", next_name, " of ", size));
  }
}

// The names of a directory ascend, and each entry leads back to it, as does what it names.
void IndexView::VerifyDirectory(DirIndex index, std::vector<Error>& errors) const {
  const auto directory = DirectoryAt(index);
  if (!directory) return errors.push_back(directory.error());
  std::string_view previous;
  for (uint64_t i = 0; i < directory->num_entries; ++i) {
    if (errors.size() >= kMaxVerifyErrors) return;
    const auto entry = EntryIn(*directory, i);
    if (!entry) {
      errors.push_back(entry.error());
      continue;
    }
    const uint64_t number = Number(directory->first_entry) + i;
    if (entry->name <= previous) {
      Report(errors, Cat("entry ", number, ": its name is not above that before it"));
    }
    previous = entry->name;
    if (entry->kind != EntryKind::kSample) continue;
    const auto record = SampleAt(entry->sample());
    if (!record || record->entry == EntryIndex{number}) continue;  // a bad record: VerifySample
    Report(errors, Cat("entry ", number, ": sample ", entry->target, " is of entry ",
                       Number(record->entry)));
  }
}

void IndexView::VerifySample(SampleIndex index, std::vector<Error>& errors) const {
  const auto record = SampleAt(index);
  if (!record) return errors.push_back(record.error());
  const auto entry = EntryAt(record->entry);
  if (!entry || (entry->kind == EntryKind::kSample && entry->sample() == index)) return;
  Report(errors, Cat("sample ", Number(index), ": its entry ", Number(record->entry),
                     " is of something else"));
}

void IndexView::VerifyPadding(std::vector<Error>& errors) const {
  for (size_t i = 0; i + 1 < kNumSections; ++i) {
    for (uint64_t at = End(sections_[i]); at < sections_[i + 1].offset; ++at) {
      if (file_[at] == std::byte{0}) continue;
      Report(errors, Cat("the padding byte at ", at, " is ", std::to_integer<int>(file_[at]),
                         ", expected 0"));
    }
  }
}

}  // namespace betonfs
