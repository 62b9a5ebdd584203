#include "tools/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/parallel.h"
#include "fs/verify.h"

namespace betonfs {
namespace {

constexpr size_t kBatchFiles = 256;

// Whose fault a failure is: the file's, which spoils one sample, or the world's, which ends it all.
bool IsDamage(const Error& error) {
  return error.kind == ErrorKind::kCorrupt || error.kind == ErrorKind::kTruncated ||
         error.kind == ErrorKind::kNotFound;
}

struct timespec TimeOf(const Attributes& attributes) {
  return {static_cast<time_t>(attributes.mtime_s), static_cast<long>(attributes.mtime_ns)};
}

class Unpacker {
 public:
  Unpacker(const TreeReader& reader, std::string target, const UnpackOptions& options)
      : reader_(reader),
        target_(std::move(target)),
        options_(options),
        has_modes_(reader.tree().kind() == TreeKind::kPaths),
        contents_check_(reader.dataset()) {}

  Result<UnpackReport> Run() {
    RETURN_IF_ERROR(OpenTarget());
    directories_.push_back({"", Ino::Root()});
    RunOnThreads(options_.num_threads ? options_.num_threads : DefaultNumThreads(),
                 [this](unsigned) { Work(); });
    if (stopped_by_) return tl::unexpected(*stopped_by_);
    RETURN_IF_ERROR(FinishDirectories());
    CountNamelessEntries();
    report_.num_directories = directories_.size() - 1;
    return report_;
  }

 private:
  struct OutputDirectory {
    std::string path;  // below the target; "" is the target
    Ino ino;
  };
  struct Batch {
    std::string directory;
    std::vector<std::pair<std::string, Ino>> files;
  };

  std::string PathOf(const std::string& below) const { return JoinPath(target_, below); }

  Status OpenTarget() {
    if (mkdir(target_.c_str(), 0777) != 0 && errno != EEXIST) return FailErrno(target_, errno);
    const auto opened = OpenFile(target_, O_RDONLY | O_DIRECTORY);
    if (!opened && opened.error().sys_errno == ENOTDIR) {
      return Fail(ErrorKind::kInvalidArgument, target_ + ": is not a directory");
    }
    ASSIGN_OR_RETURN(root_, OpenFile(target_, O_RDONLY | O_DIRECTORY));
    return options_.force ? Status{} : CheckEmpty();
  }

  Status CheckEmpty() const {
    std::error_code error;
    const bool is_empty = std::filesystem::is_empty(target_, error);
    if (error) return FailErrno(target_, error.value());
    if (is_empty) return {};
    return Fail(ErrorKind::kExists, target_ + ": is not empty; --force unpacks into it");
  }

  // A directory below the target, one component at a time: however deep it is, and never through a
  // symbolic link.
  Result<UniqueFd> OpenDirectory(std::string_view below) const {
    int at = root_.get();
    UniqueFd directory;
    do {
      const std::string name(below.empty() ? "." : below.substr(0, below.find('/')));
      below.remove_prefix(std::min(name.size() + 1, below.size()));
      UniqueFd next(openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!next.valid()) return FailErrno(PathOf(std::string(below)) + ": " + name, errno);
      directory = std::move(next);
      at = directory.get();
    } while (!below.empty());
    return directory;
  }

  void Work() {
    while (true) {
      const auto batch = NextBatch();
      if (!batch) return Stop(batch.error());
      if (batch->files.empty()) return;
      if (const Status written = WriteBatch(*batch); !written) return Stop(written.error());
    }
  }

  void Stop(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!stopped_by_) stopped_by_ = error;
  }

  // Walks on, making directories as it meets them, until it has some files of one of them.  Empty
  // at the end of the walk, or when another thread stopped.
  Result<Batch> NextBatch() {
    const std::lock_guard lock(mutex_);
    while (!stopped_by_ && walked_ < directories_.size()) {
      Batch batch;
      batch.directory = directories_[walked_].path;
      RETURN_IF_ERROR(ListSome(batch));
      if (!batch.files.empty()) return batch;
    }
    return Batch{};
  }

  // Takes entries of the directory that is being walked; goes on to the next one at its end.
  Status ListSome(Batch& batch) {
    std::vector<std::pair<std::string, Ino>> subdirectories;
    uint64_t cursor = 0;
    bool is_at_end = true;
    const Ino ino = directories_[walked_].ino;
    Status listed = ReadGuarded([&] {
      batch.files.clear();
      subdirectories.clear();
      cursor = cursor_;
      is_at_end = true;
      return reader_.tree().List(ino, cursor, [&](std::string_view name, Ino child, uint64_t next) {
        if (batch.files.size() == kBatchFiles) {
          is_at_end = false;
          return false;
        }
        (child.is_file() ? batch.files : subdirectories).emplace_back(name, child);
        cursor = next;
        return true;
      });
    });
    if (!listed) {
      if (!IsDamage(listed.error())) return listed;
      TellFailure(batch.directory, listed.error());
    }
    RETURN_IF_ERROR(MakeDirectories(batch.directory, subdirectories));
    cursor_ = is_at_end ? 0 : cursor;
    if (is_at_end) ++walked_;
    return {};
  }

  Status MakeDirectories(const std::string& parent,
                         const std::vector<std::pair<std::string, Ino>>& names) {
    if (names.empty()) return {};
    ASSIGN_OR_RETURN(const UniqueFd fd, OpenDirectory(parent));
    for (const auto& [name, ino] : names) {
      const std::string path = JoinPath(parent, name);
      if (mkdirat(fd.get(), name.c_str(), has_modes_ ? 0700 : 0777) != 0 &&
          !(errno == EEXIST && options_.force)) {
        return FailErrno(PathOf(path), errno);
      }
      directories_.push_back({path, ino});
    }
    return {};
  }

  Status WriteBatch(const Batch& batch) {
    ASSIGN_OR_RETURN(const UniqueFd directory, OpenDirectory(batch.directory));
    for (const auto& [name, ino] : batch.files) {
      if (options_.cancel && options_.cancel->load(std::memory_order_relaxed)) {
        return Fail(ErrorKind::kCancelled, target_ + ": interrupted, not everything is unpacked");
      }
      const std::string path = JoinPath(batch.directory, name);
      const auto size = WriteFile(directory.get(), name, path, ino);
      if (!size && !IsDamage(size.error())) return tl::unexpected(size.error());
      const std::lock_guard lock(mutex_);
      if (!size) {
        TellFailure(path, size.error());
        continue;
      }
      report_.num_files += 1;
      report_.size_bytes += *size;
      if (options_.on_progress) options_.on_progress(1, *size);
    }
    return {};
  }

  // Returns the size.  Leaves no file behind where it fails.
  Result<uint64_t> WriteFile(int directory, const std::string& name, const std::string& path,
                             Ino ino) {
    RETURN_IF_ERROR(contents_check_.Check(ino.sample()));
    ASSIGN_OR_RETURN(const Attributes attributes,
                     ReadGuarded([&] { return reader_.tree().AttributesOf(ino); }));
    if (options_.force && unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) {
      return FailErrno(PathOf(path), errno);
    }
    const UniqueFd file(openat(directory, name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                               has_modes_ ? 0600 : 0666));
    if (!file.valid()) return FailErrno(PathOf(path), errno);
    const Status filled = Fill(file.get(), ino, attributes, PathOf(path));
    if (!filled) {
      unlinkat(directory, name.c_str(), 0);
      return tl::unexpected(filled.error());
    }
    return attributes.size_bytes;
  }

  Status Fill(int file, Ino ino, const Attributes& attributes, const std::string& path) const {
    uint64_t offset = 0;
    RETURN_IF_ERROR(reader_.ReadFile(ino, [&](Bytes part) {
      const uint64_t at = std::exchange(offset, offset + part.size());
      return WriteAt(file, part, at, path);
    }));
    return SetAttributes(file, attributes, path);
  }

  Status SetAttributes(int fd, const Attributes& attributes, const std::string& path) const {
    const struct timespec times[2] = {TimeOf(attributes), TimeOf(attributes)};
    if ((has_modes_ && fchmod(fd, attributes.mode & 0777) != 0) || futimens(fd, times) != 0) {
      return FailErrno(path, errno);
    }
    return {};
  }

  // Modes may forbid writing and times change with every new name, so both come last; the deepest
  // directories stand last in the walk's order.
  Status FinishDirectories() const {
    for (size_t i = directories_.size(); i-- > 0;) {
      const OutputDirectory& directory = directories_[i];
      const auto attributes =
          ReadGuarded([&] { return reader_.tree().AttributesOf(directory.ino); });
      if (!attributes) continue;  // told when it was listed
      ASSIGN_OR_RETURN(const UniqueFd fd, OpenDirectory(directory.path));
      RETURN_IF_ERROR(SetAttributes(fd.get(), *attributes, PathOf(directory.path)));
    }
    return {};
  }

  // Entries so damaged that the tree does not show them.
  void CountNamelessEntries() {
    const IndexView* index = reader_.dataset().index();
    if (!index || reader_.tree().kind() != TreeKind::kPaths) return;
    const uint64_t num_seen = report_.num_files + report_.num_failed + directories_.size() - 1;
    if (num_seen >= index->num_entries()) return;
    const uint64_t num_missing = index->num_entries() - num_seen;
    TellFailure(
        "", {ErrorKind::kCorrupt, reader_.dataset().path() + ": " + std::to_string(num_missing) +
                                      " entries are damaged and have no name"});
    report_.num_failed += num_missing - 1;
  }

  void TellFailure(const std::string& path, const Error& error) {
    report_.num_failed += 1;
    if (options_.on_failure) options_.on_failure(path, error);
  }

  const TreeReader& reader_;
  const std::string target_;
  const UnpackOptions& options_;
  const bool has_modes_;  // stored with the names
  ContentsCheck contents_check_;
  UniqueFd root_;

  std::mutex mutex_;                          // guards what follows
  std::vector<OutputDirectory> directories_;  // in the order of the walk, parents first
  size_t walked_ = 0;                         // the one being listed
  uint64_t cursor_ = 0;                       // where in it
  UnpackReport report_;
  std::optional<Error> stopped_by_;
};

}  // namespace

Result<UnpackReport> Unpack(const TreeReader& reader, const std::string& directory,
                            const UnpackOptions& options) {
  return Unpacker(reader, directory, options).Run();
}

}  // namespace betonfs
