#include "core/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "core/escape_name.h"
#include "core/parallel.h"

namespace betonfs {
namespace {

// Entries of one directory that one thread asks the sizes of in one go.
constexpr size_t kStatChunk = 256;
constexpr std::string_view kReservedName = ".betonfs";

struct Listing;

struct Child {
  enum class Kind : uint8_t { kUnknown, kFile, kDirectory, kSkipped };
  uint32_t name_offset = 0;
  uint8_t name_size = 0;
  uint8_t dirent_type = DT_UNKNOWN;
  Kind kind = Kind::kUnknown;
  SkipReason reason{};
  uint64_t size_bytes = 0;
  EntryAttributes attributes;
  Listing* directory = nullptr;
};

// A directory and what is in it.  Written by the thread that lists it, then its children each by
// the one thread that looks at them.
struct Listing {
  Listing* parent = nullptr;
  std::string name;  // of the root: its path
  std::string names;
  std::vector<Child> children;  // sorted by name
  dev_t device = 0;
  ino_t inode = 0;
  EntryAttributes attributes;

  std::string_view NameOf(const Child& child) const {
    return std::string_view(names).substr(child.name_offset, child.name_size);
  }
};

std::string PathOf(const Listing* listing) {
  std::string path = listing->name;
  for (const Listing* above = listing->parent; above != nullptr; above = above->parent) {
    path.insert(0, above->name + "/");
  }
  return EscapeName(path);
}

EntryAttributes AttributesOf(const struct statx& stat) {
  return {.mode = static_cast<uint16_t>(stat.stx_mode & 07777),
          .mtime_s = stat.stx_mtime.tv_sec,
          .mtime_ns = stat.stx_mtime.tv_nsec};
}

dev_t DeviceOf(const struct statx& stat) { return makedev(stat.stx_dev_major, stat.stx_dev_minor); }

std::optional<SkipReason> ReasonToSkip(uint8_t dirent_type) {
  switch (dirent_type) {
    case DT_SOCK:
      return SkipReason::kSocket;
    case DT_FIFO:
      return SkipReason::kFifo;
    case DT_CHR:
    case DT_BLK:
      return SkipReason::kDevice;
    default:
      return std::nullopt;
  }
}

// What is still to be done: list `listing`, whose parent is open as `fd`; or look at some children
// of `listing`, which is.
struct Task {
  Listing* listing = nullptr;
  std::shared_ptr<UniqueFd> fd;
  bool via_link = false;
  size_t first_child = 0;
  size_t num_children = 0;  // 0: list
};

class Walker {
 public:
  Walker(const std::string& root, const WalkOptions& options) : options_(options) {
    listings_.push_back(std::make_unique<Listing>());
    listings_.back()->name = root;
  }

  Result<Listing*> Walk();

 private:
  void Work();
  void Push(Task task);
  Status Run(const Task& task);
  Status List(const Task& task);
  Status ReadEntries(int fd, Listing& listing);
  void QueueChildren(Listing& listing, const std::shared_ptr<UniqueFd>& fd);
  Status Look(const Task& task);
  Status LookAt(Child& child, Listing& listing, const std::shared_ptr<UniqueFd>& fd);
  Status FollowLink(Child& child, Listing& listing, const std::shared_ptr<UniqueFd>& fd,
                    struct statx& stat);
  Result<bool> PointsInside(int dir_fd, const char* name, const std::string& path);
  Listing* NewListing(Listing& parent, std::string_view name);
  Status Settle(Child& child, Listing& listing, const std::shared_ptr<UniqueFd>& fd,
                const struct statx& stat, bool via_link);

  const WalkOptions& options_;
  std::string real_root_;  // with a '/' at the end; for kInside

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Listing>> listings_;
  std::vector<Task> tasks_;  // the last first, so that few directories are open at a time
  size_t num_unfinished_ = 0;
  std::optional<Error> error_;
};

Result<Listing*> Walker::Walk() {
  Listing* root = listings_.front().get();
  if (options_.symlinks == SymlinkPolicy::kInside) {
    const std::unique_ptr<char, void (*)(void*)> real(realpath(root->name.c_str(), nullptr), free);
    if (!real) return FailErrno(EscapeName(root->name), errno);
    real_root_ = std::string(real.get()) + (std::string_view(real.get()) == "/" ? "" : "/");
  }
  Push({.listing = root, .fd = std::make_shared<UniqueFd>(), .via_link = true});
  RunOnThreads(options_.num_threads, [this](unsigned) { Work(); });
  if (error_) return tl::unexpected(*std::move(error_));
  return root;
}

void Walker::Push(Task task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  ++num_unfinished_;
  changed_.notify_one();
}

void Walker::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return !tasks_.empty() || num_unfinished_ == 0 || error_; });
    if (tasks_.empty() || error_) return;
    Task task = std::move(tasks_.back());
    tasks_.pop_back();
    lock.unlock();
    Status status = Run(task);
    task.fd.reset();
    lock.lock();
    if (!status && !error_) error_ = std::move(status).error();
    if (--num_unfinished_ == 0 || error_) changed_.notify_all();
  }
}

Status Walker::Run(const Task& task) {
  if (options_.cancel != nullptr && *options_.cancel) {
    return Fail(ErrorKind::kCancelled, "interrupted while listing " + PathOf(task.listing));
  }
  return task.num_children == 0 ? List(task) : Look(task);
}

Status Walker::List(const Task& task) {
  Listing& listing = *task.listing;
  const int parent = task.fd->valid() ? task.fd->get() : AT_FDCWD;
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (task.via_link ? 0 : O_NOFOLLOW);
  const auto fd = std::make_shared<UniqueFd>(openat(parent, listing.name.c_str(), flags));
  if (!fd->valid()) {
    if (errno == ENOTDIR) {
      return Fail(ErrorKind::kInvalidArgument, PathOf(&listing) + " is not a directory", ENOTDIR);
    }
    return FailErrno("cannot open directory " + PathOf(&listing), errno);
  }
  struct statx stat {};
  if (statx(fd->get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stat) != 0) {
    return FailErrno("cannot stat " + PathOf(&listing), errno);
  }
  listing.device = DeviceOf(stat);
  listing.inode = stat.stx_ino;
  listing.attributes = AttributesOf(stat);
  RETURN_IF_ERROR(ReadEntries(fd->get(), listing));
  QueueChildren(listing, fd);
  return {};
}

Status Walker::ReadEntries(int fd, Listing& listing) {
  alignas(dirent64) std::array<char, 32 << 10> buffer;
  while (true) {
    const ssize_t filled = getdents64(fd, buffer.data(), buffer.size());
    if (filled < 0) return FailErrno("cannot list " + PathOf(&listing), errno);
    if (filled == 0) break;
    for (ssize_t at = 0; at < filled;) {
      const auto* entry = reinterpret_cast<const dirent64*>(&buffer[static_cast<size_t>(at)]);
      at += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (listing.parent == nullptr && name == kReservedName) {
        return Fail(ErrorKind::kInvalidArgument,
                    PathOf(&listing) +
                        "/.betonfs: the name is reserved, a mount has its control files there; "
                        "rename it");
      }
      Child child;
      child.name_offset = static_cast<uint32_t>(listing.names.size());
      child.name_size = static_cast<uint8_t>(name.size());
      child.dirent_type = entry->d_type;
      listing.names.append(name).push_back('\0');  // closed, so that system calls can take it
      listing.children.push_back(child);
    }
  }
  std::sort(listing.children.begin(), listing.children.end(),
            [&](const Child& a, const Child& b) { return listing.NameOf(a) < listing.NameOf(b); });
  return {};
}

void Walker::QueueChildren(Listing& listing, const std::shared_ptr<UniqueFd>& fd) {
  for (size_t first = 0; first < listing.children.size(); first += kStatChunk) {
    const size_t count = std::min(kStatChunk, listing.children.size() - first);
    Push({.listing = &listing, .fd = fd, .first_child = first, .num_children = count});
  }
}

Status Walker::Look(const Task& task) {
  for (size_t i = 0; i < task.num_children; ++i) {
    RETURN_IF_ERROR(LookAt(task.listing->children[task.first_child + i], *task.listing, task.fd));
  }
  return {};
}

Status Walker::LookAt(Child& child, Listing& listing, const std::shared_ptr<UniqueFd>& fd) {
  const char* name = listing.names.c_str() + child.name_offset;
  if (child.dirent_type == DT_DIR) {
    child.kind = Child::Kind::kDirectory;
    child.directory = NewListing(listing, name);
    Push({.listing = child.directory, .fd = fd});
    return {};
  }
  if (const auto reason = ReasonToSkip(child.dirent_type)) {
    child.kind = Child::Kind::kSkipped;
    child.reason = *reason;
    return {};
  }
  struct statx stat {};
  if (child.dirent_type != DT_LNK) {
    if (statx(fd->get(), name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stat) != 0) {
      const std::string path = PathOf(&listing) + "/" + EscapeName(name);
      if (errno == ENOENT) {
        return Fail(ErrorKind::kChanged, path + " vanished while the tree was listed", ENOENT);
      }
      return FailErrno("cannot stat " + path, errno);
    }
    if (!S_ISLNK(stat.stx_mode)) return Settle(child, listing, fd, stat, false);
  }
  return FollowLink(child, listing, fd, stat);
}

Status Walker::FollowLink(Child& child, Listing& listing, const std::shared_ptr<UniqueFd>& fd,
                          struct statx& stat) {
  const char* name = listing.names.c_str() + child.name_offset;
  child.kind = Child::Kind::kSkipped;
  child.reason = SkipReason::kLink;
  if (options_.symlinks == SymlinkPolicy::kSkip) return {};
  if (statx(fd->get(), name, 0, STATX_BASIC_STATS, &stat) != 0) {
    child.reason = SkipReason::kDanglingLink;
    if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR) return {};
    return FailErrno("cannot follow " + PathOf(&listing) + "/" + EscapeName(name), errno);
  }
  if (options_.symlinks == SymlinkPolicy::kInside) {
    ASSIGN_OR_RETURN(const bool inside,
                     PointsInside(fd->get(), name, PathOf(&listing) + "/" + EscapeName(name)));
    child.reason = SkipReason::kOutsideLink;
    if (!inside) return {};
  }
  return Settle(child, listing, fd, stat, true);
}

// Asks the kernel where the link ends, all links on the way resolved.
Result<bool> Walker::PointsInside(int dir_fd, const char* name, const std::string& path) {
  const UniqueFd target(openat(dir_fd, name, O_PATH | O_CLOEXEC));
  if (!target.valid()) return FailErrno("cannot follow " + path, errno);
  const std::string link = "/proc/self/fd/" + std::to_string(target.get());
  std::string real(PATH_MAX, '\0');
  const ssize_t size = readlink(link.c_str(), real.data(), real.size());
  if (size < 0) return FailErrno("cannot read " + link, errno);
  real.resize(static_cast<size_t>(size));
  return (real + "/").starts_with(real_root_);
}

// `stat` is what `child` is, links followed.
Status Walker::Settle(Child& child, Listing& listing, const std::shared_ptr<UniqueFd>& fd,
                      const struct statx& stat, bool via_link) {
  child.kind = Child::Kind::kSkipped;
  if (S_ISDIR(stat.stx_mode)) {
    for (const Listing* above = &listing; above != nullptr; above = above->parent) {
      if (above->inode == stat.stx_ino && above->device == DeviceOf(stat)) {
        child.reason = SkipReason::kLinkCycle;
        return {};
      }
    }
    child.kind = Child::Kind::kDirectory;
    child.directory = NewListing(listing, listing.NameOf(child));
    Push({.listing = child.directory, .fd = fd, .via_link = via_link});
    return {};
  }
  if (const auto reason = ReasonToSkip(static_cast<uint8_t>(IFTODT(stat.stx_mode)))) {
    child.reason = *reason;
    return {};
  }
  if (options_.output.inode != 0 && options_.output.inode == stat.stx_ino &&
      options_.output.device == DeviceOf(stat)) {
    child.reason = SkipReason::kOutput;
    return {};
  }
  child.kind = Child::Kind::kFile;
  child.size_bytes = stat.stx_size;
  child.attributes = AttributesOf(stat);
  return {};
}

Listing* Walker::NewListing(Listing& parent, std::string_view name) {
  auto listing = std::make_unique<Listing>();
  listing->parent = &parent;
  listing->name = name;
  const std::lock_guard lock(mutex_);
  listings_.push_back(std::move(listing));
  return listings_.back().get();
}

}  // namespace

// Puts the listings into one tree, depth first, and frees each as it goes.
class TreeMerger {
 public:
  static FileTree Merge(Listing& root) {
    TreeMerger merger;
    merger.tree_.root_ = root.name;
    merger.tree_.directories_.push_back({.attributes = root.attributes});
    merger.stack_.push_back({&root, 0, 0});
    while (!merger.stack_.empty()) merger.Step();
    return std::move(merger.tree_);
  }

 private:
  struct Frame {
    Listing* listing;
    uint32_t directory;
    size_t next_child;
  };

  // One more child of the directory on top of the stack.
  void Step() {
    Frame& top = stack_.back();
    Listing& listing = *top.listing;
    if (top.next_child == listing.children.size()) {
      listing.children = {};
      listing.names = {};
      stack_.pop_back();
      return;
    }
    const Child& child = listing.children[top.next_child++];
    const std::string_view name = listing.NameOf(child);
    const uint32_t parent = top.directory;
    const auto name_size = static_cast<uint32_t>(name.size());
    switch (child.kind) {
      case Child::Kind::kDirectory:
        stack_.push_back({child.directory, static_cast<uint32_t>(tree_.directories_.size()), 0});
        tree_.directories_.push_back(
            {parent, name_size, tree_.names_.size(), 0, child.directory->attributes});
        tree_.names_ += name;
        break;
      case Child::Kind::kFile:
        tree_.files_.push_back(
            {parent, name_size, tree_.names_.size(), child.size_bytes, child.attributes});
        ++tree_.directories_[parent].num_files;
        tree_.names_ += name;
        break;
      default:
        Skip(parent, name, child.reason);
    }
  }

  void Skip(uint32_t parent, std::string_view name, SkipReason reason) {
    std::string path = tree_.PathOf(tree_.directories_[parent]);
    if (!path.empty()) path += '/';
    tree_.skipped_.push_back({path.append(name), reason});
  }

  FileTree tree_;
  std::vector<Frame> stack_;
};

const char* Describe(SkipReason reason) {
  switch (reason) {
    case SkipReason::kDanglingLink:
      return "dangling link";
    case SkipReason::kLinkCycle:
      return "link to a directory it lies in";
    case SkipReason::kOutsideLink:
      return "link out of the tree";
    case SkipReason::kLink:
      return "link";
    case SkipReason::kSocket:
      return "socket";
    case SkipReason::kFifo:
      return "fifo";
    case SkipReason::kDevice:
      return "device";
    case SkipReason::kOutput:
      return "the output itself";
  }
  return "unknown";
}

std::string FileTree::PathOf(const WalkedDirectory& directory) const {
  std::vector<std::string_view> parts;
  for (const WalkedDirectory* d = &directory; d != directories_.data();
       d = &directories_[d->parent]) {
    parts.push_back(NameOf(*d));
  }
  std::string path;
  for (size_t i = parts.size(); i-- > 0;) {
    path += parts[i];
    if (i > 0) path += '/';
  }
  return path;
}

std::string FileTree::PathOf(const WalkedFile& file) const {
  std::string path = PathOf(directories_[file.directory]);
  if (!path.empty()) path += '/';
  return path.append(NameOf(file));
}

Result<FileTree> Walk(const std::string& root, const WalkOptions& options) {
  Walker walker(root, options);
  ASSIGN_OR_RETURN(Listing * listing, walker.Walk());
  return TreeMerger::Merge(*listing);
}

}  // namespace betonfs
