#include "fs/file_watch.h"

#include <sys/stat.h>

#include <cerrno>

#include "core/escape_name.h"
#include "core/text.h"
#include "fs/log.h"

namespace betonfs {

const char* FileChangeName(FileChange change) {
  switch (change) {
    case FileChange::kTruncated:
      return "truncated";
    case FileChange::kModified:
      return "modified";
    case FileChange::kReplaced:
      return "replaced";
    case FileChange::kRemoved:
      return "removed";
  }
  return "unknown";
}

FileWatch::FileWatch(const std::vector<const MappedFile*>& files) {
  for (const MappedFile* file : files) files_.push_back({file});
}

FileWatch::~FileWatch() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void FileWatch::Start(std::chrono::milliseconds period) {
  thread_ = std::thread([this, period] { Loop(period); });
}

void FileWatch::Loop(std::chrono::milliseconds period) {
  std::unique_lock lock(mutex_);
  while (!stopping_.wait_for(lock, period, [this] { return stop_; })) {
    for (Watched& watched : files_) CheckOne(watched);
  }
}

void FileWatch::Check() {
  const std::lock_guard lock(mutex_);
  for (Watched& watched : files_) CheckOne(watched);
}

bool FileWatch::Reaches(const MappedFile& file, uint64_t end_offset) {
  struct stat info;
  return fstat(file.fd(), &info) == 0 && static_cast<uint64_t>(info.st_size) >= end_offset;
}

void FileWatch::CheckOne(Watched& watched) {
  const FileIdentity& was = watched.file->identity();
  const auto is = IdentityOf(watched.file->fd(), watched.file->path());
  if (is && is->size_bytes < was.size_bytes) {
    Report(watched, FileChange::kTruncated,
           Cat("to ", is->size_bytes, " of ", was.size_bytes, " bytes: what is gone is EIO"));
  } else if (is && *is != was) {
    Report(watched, FileChange::kModified, "readers may get old bytes or new ones");
  }
  // A path that cannot be looked at for another reason says nothing about the file.
  const auto at_path = IdentityOf(watched.file->path());
  if (at_path && (at_path->device != was.device || at_path->inode != was.inode)) {
    Report(watched, FileChange::kReplaced,
           "by another file: mount again to see that one, this mount goes on with the old one");
  } else if (!at_path && at_path.error().sys_errno == ENOENT) {
    Report(watched, FileChange::kRemoved, "this mount goes on with it");
  }
}

void FileWatch::Report(Watched& watched, FileChange change, const std::string& what) {
  bool& reported = watched.reported[static_cast<size_t>(change)];
  if (reported) return;
  reported = true;
  num_files_[static_cast<size_t>(change)].fetch_add(1, std::memory_order_relaxed);
  LogWarning(Cat("mounted file ", FileChangeName(change), " ", what,
                 " file=", EscapeName(watched.file->path())));
}

}  // namespace betonfs
