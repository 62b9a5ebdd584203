#include "fs/control_files.h"

#include <sys/stat.h>

#include <charconv>
#include <ctime>

#include "fs/sample_names.h"

namespace betonfs {
namespace {

constexpr char kByIndex[] = "by-index";

// What a control inode's number holds: an area in the low two bits and a value above.
enum class Area : uint64_t { kDirectory = 0, kLasting = 1, kSnapshot = 2, kLink = 3 };

// Directories: 0 is `.betonfs`, 1 is by-index, the others follow.
constexpr uint64_t kTop = 0;
constexpr uint64_t kLinks = 1;
constexpr uint64_t kFirstNamed = 2;

constexpr Ino MakeIno(Area area, uint64_t value) {
  return Ino::Control(value << 2 | static_cast<uint64_t>(area));
}
Area AreaOf(Ino ino) { return static_cast<Area>(ino.number() & 3); }
uint64_t ValueOf(Ino ino) { return ino.number() >> 2; }

tl::unexpected<Error> NoSuchInode() { return Fail(ErrorKind::kNotFound, "no such control file"); }

}  // namespace

ControlFiles::ControlFiles(const Tree& tree) : tree_(tree) {}

void ControlFiles::AddLasting(std::string name, Maker make) {
  documents_.push_back({std::move(name), false, std::move(make), {}});
}

void ControlFiles::AddChanging(std::string name, Maker make) {
  documents_.push_back({std::move(name), true, std::move(make), {}});
}

void ControlFiles::AddDirectory(std::string name, NamedMaker make) {
  directories_.push_back({std::move(name), std::move(make)});
}

Attributes ControlFiles::DirectoryAttributes() const {
  const FileIdentity& identity = tree_.shards().all().front().dataset->file().identity();
  return {S_IFDIR | 0555, 0, identity.mtime_s, 0};
}

Attributes ControlFiles::LastingAttributes(const Document& document) const {
  return {S_IFREG | 0444, document.size_bytes(), DirectoryAttributes().mtime_s, 0};
}

Result<std::optional<ControlFiles::Found>> ControlFiles::Lookup(Ino directory,
                                                                std::string_view name) {
  if (AreaOf(directory) != Area::kDirectory) return NoSuchInode();
  const uint64_t value = ValueOf(directory);
  if (value == kTop) return LookupTop(name);
  if (value == kLinks) return LookupLink(name);
  if (value - kFirstNamed >= directories_.size()) return NoSuchInode();
  ASSIGN_OR_RETURN(auto document, directories_[value - kFirstNamed].make(name));
  if (!document) return std::nullopt;
  return AddSnapshot(std::move(document));
}

Result<std::optional<ControlFiles::Found>> ControlFiles::LookupTop(std::string_view name) {
  for (size_t which = 0; which < documents_.size(); ++which) {
    if (documents_[which].name != name) continue;
    if (!documents_[which].changing) return MakeLasting(which);
    ASSIGN_OR_RETURN(auto document, documents_[which].make());
    return AddSnapshot(std::move(document));
  }
  if (name == kByIndex)
    return Found{MakeIno(Area::kDirectory, kLinks), DirectoryAttributes(), true};
  for (size_t d = 0; d < directories_.size(); ++d) {
    if (directories_[d].name != name) continue;
    return Found{MakeIno(Area::kDirectory, kFirstNamed + d), DirectoryAttributes(), true};
  }
  return std::nullopt;
}

Result<std::optional<ControlFiles::Found>> ControlFiles::LookupLink(std::string_view name) const {
  const bool has_padding = name.size() > 1 && name.front() == '0';
  const auto sample = ParsePadded(name, name.size());
  if (has_padding || !sample || *sample >= tree_.shards().num_samples()) return std::nullopt;
  const Ino ino = MakeIno(Area::kLink, *sample);
  ASSIGN_OR_RETURN(const Attributes attributes, AttributesOf(ino));
  return Found{ino, attributes, true};
}

Result<ControlFiles::Found> ControlFiles::MakeLasting(size_t which) {
  Registered& registered = documents_[which];
  const std::lock_guard lock(*registered.mutex);
  if (!registered.document) {
    ASSIGN_OR_RETURN(registered.document, registered.make());
  }
  return Found{MakeIno(Area::kLasting, which), LastingAttributes(*registered.document), true};
}

ControlFiles::Found ControlFiles::AddSnapshot(std::shared_ptr<const Document> document) {
  const int64_t now_s = time(nullptr);
  const uint64_t size = document->size_bytes();
  const std::lock_guard lock(mutex_);
  const uint64_t id = ++last_snapshot_;
  snapshots_[id] = {std::move(document), 1, now_s};
  return {MakeIno(Area::kSnapshot, id), {S_IFREG | 0444, size, now_s, 0}, false};
}

void ControlFiles::Forget(Ino ino, uint64_t num_lookups) {
  if (AreaOf(ino) != Area::kSnapshot) return;
  const std::lock_guard lock(mutex_);
  const auto found = snapshots_.find(ValueOf(ino));
  if (found == snapshots_.end()) return;
  if (found->second.num_lookups <= num_lookups) {
    snapshots_.erase(found);
  } else {
    found->second.num_lookups -= num_lookups;
  }
}

Result<std::shared_ptr<const Document>> ControlFiles::DocumentOf(Ino ino) const {
  const uint64_t value = ValueOf(ino);
  if (AreaOf(ino) == Area::kLasting && value < documents_.size()) {
    const std::lock_guard lock(*documents_[value].mutex);
    if (documents_[value].document) return documents_[value].document;
  }
  if (AreaOf(ino) == Area::kSnapshot) {
    const std::lock_guard lock(mutex_);
    const auto found = snapshots_.find(value);
    if (found != snapshots_.end()) return found->second.document;
  }
  return NoSuchInode();
}

Result<Attributes> ControlFiles::AttributesOf(Ino ino) const {
  switch (AreaOf(ino)) {
    case Area::kDirectory:
      return DirectoryAttributes();
    case Area::kLink: {
      ASSIGN_OR_RETURN(const std::string target, Readlink(ino));
      return Attributes{S_IFLNK | 0777, target.size(), DirectoryAttributes().mtime_s, 0};
    }
    case Area::kLasting: {
      ASSIGN_OR_RETURN(const auto document, DocumentOf(ino));
      return LastingAttributes(*document);
    }
    case Area::kSnapshot:
      break;
  }
  const std::lock_guard lock(mutex_);
  const auto found = snapshots_.find(ValueOf(ino));
  if (found == snapshots_.end()) return NoSuchInode();
  const Snapshot& snapshot = found->second;
  return Attributes{S_IFREG | 0444, snapshot.document->size_bytes(), snapshot.made_s, 0};
}

Result<std::string> ControlFiles::Read(Ino ino, uint64_t offset, size_t size) const {
  ASSIGN_OR_RETURN(const auto document, DocumentOf(ino));
  return document->Read(offset, size);
}

Result<std::string> ControlFiles::Readlink(Ino ino) const {
  if (AreaOf(ino) != Area::kLink || ValueOf(ino) >= tree_.shards().num_samples()) {
    return NoSuchInode();
  }
  ASSIGN_OR_RETURN(const std::string path, tree_.PathOf(tree_.MainFile(SampleIndex{ValueOf(ino)})));
  return "../../" + path;
}

Status ControlFiles::List(Ino directory, uint64_t cursor, const EntrySink& sink) const {
  if (AreaOf(directory) != Area::kDirectory) return NoSuchInode();
  if (ValueOf(directory) == kLinks) {
    for (; cursor < tree_.shards().num_samples(); ++cursor) {
      char digits[24];
      const char* end = std::to_chars(digits, digits + sizeof digits, cursor).ptr;
      const std::string_view name(digits, static_cast<size_t>(end - digits));
      if (!sink(name, MakeIno(Area::kLink, cursor), cursor + 1)) return {};
    }
    return {};
  }
  if (ValueOf(directory) != kTop) return {};
  std::vector<std::string_view> names;
  for (const Registered& document : documents_) names.push_back(document.name);
  const size_t num_documents = names.size();
  names.push_back(kByIndex);
  for (const NamedDirectory& named : directories_) names.push_back(named.name);
  for (; cursor < names.size(); ++cursor) {
    const Ino ino = cursor < num_documents
                        ? MakeIno(Area::kLasting, cursor)
                        : MakeIno(Area::kDirectory, cursor - num_documents + kLinks);
    if (!sink(names[cursor], ino, cursor + 1)) return {};
  }
  return {};
}

}  // namespace betonfs
