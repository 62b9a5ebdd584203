// The operations of StagingOps on open files and directories.
#include <fcntl.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fs/error_map.h"
#include "fs/log.h"
#include "fs/op.h"
#include "fs/staging_ops.h"

namespace betonfs {
namespace {

// What fuse_file_info::fh says of a file that is not a control file.
enum Handle : uint64_t { kReader = 0, kWriter = 1 };

bool WantsToWrite(const fuse_file_info& file) { return (file.flags & O_ACCMODE) != O_RDONLY; }

}  // namespace

// ---- Files --------------------------------------------------------------------------------------

void StagingOps::Create(Reply reply, fuse_ino_t parent, const char* name, mode_t mode,
                        fuse_file_info* file) {
  if (StagingControl::Owns(parent)) return std::move(reply).Err(EPERM);
  if (StagingControl::IsDirectoryName(parent, name)) return std::move(reply).Err(EISDIR);
  const auto made = area_.Create(NodeOf(parent), name, static_cast<uint16_t>(mode & 07777),
                                 (file->flags & O_EXCL) != 0);
  if (!made) return Fail(std::move(reply), "create", parent, made.error());
  file->fh = kWriter;
  file->keep_cache = 1;
  std::move(reply).Create(EntryOf(*made), *file);
}

void StagingOps::Open(Reply reply, fuse_ino_t ino, fuse_file_info* file) {
  if (StagingControl::Owns(ino)) {
    file->fh = control_files_.Add(std::make_shared<const std::string>(control_.Contents(ino)));
    file->direct_io = 1;
    return std::move(reply).Open(*file);
  }
  const bool writes = WantsToWrite(*file);
  const bool truncates = (file->flags & O_TRUNC) != 0;
  if (writes || truncates) {
    Status opened = area_.OpenForWriting(NodeOf(ino), truncates);
    if (opened && !writes) opened = area_.Release(NodeOf(ino));
    if (!opened) return Fail(std::move(reply), "open", ino, opened.error());
  }
  file->fh = writes ? kWriter : kReader;
  file->keep_cache = 1;
  file->noflush = writes ? 0 : 1;  // closing what was only read is no round trip
  std::move(reply).Open(*file);
}

void StagingOps::Read(Reply reply, fuse_ino_t ino, size_t size, off_t offset,
                      fuse_file_info* file) {
  const auto from = static_cast<uint64_t>(offset);
  if (StagingControl::Owns(ino)) {
    const auto text = control_files_.Find(file->fh);
    if (!text) return std::move(reply).Err(EBADF);
    const uint64_t begin = std::min<uint64_t>(from, text->size());
    std::move(reply).Data(std::string_view(*text).substr(begin, size));
    return;
  }
  std::vector<std::byte> buffer;
  int sent = 0;
  const Status read = area_.Read(NodeOf(ino), from, size, buffer,
                                 [&](Bytes bytes) { sent = std::move(reply).Data(bytes); });
  if (!read) return Fail(std::move(reply), "read", ino, read.error());
  if (sent != 0) LogFailedRequest({"read", ino, sent, from, size}, "the reply could not be sent");
}

void StagingOps::Write(Reply reply, fuse_ino_t ino, const char* bytes, size_t size, off_t offset,
                       fuse_file_info*) {
  if (StagingControl::Owns(ino)) {
    const Status committed = control_.Write(ino, {bytes, size});
    if (!committed) return Fail(std::move(reply), "commit", ino, committed.error());
    return std::move(reply).Written(size);
  }
  const Status written =
      area_.Write(NodeOf(ino), static_cast<uint64_t>(offset), AsBytes({bytes, size}));
  if (!written) return Fail(std::move(reply), "write", ino, written.error());
  std::move(reply).Written(size);
}

void StagingOps::Flush(Reply reply, fuse_ino_t ino, fuse_file_info* file) {
  if (StagingControl::Owns(ino) || file->fh == kReader) return std::move(reply).Err(0);
  Done(std::move(reply), "flush", ino, area_.Flush(NodeOf(ino)));
}

void StagingOps::Release(Reply reply, fuse_ino_t ino, fuse_file_info* file) {
  if (StagingControl::Owns(ino)) {
    control_files_.Remove(file->fh);
    return std::move(reply).Err(0);
  }
  if (file->fh == kReader) return std::move(reply).Err(0);
  Done(std::move(reply), "release", ino, area_.Release(NodeOf(ino)));
}

void StagingOps::Fsync(Reply reply, fuse_ino_t ino, int, fuse_file_info*) {
  if (StagingControl::Owns(ino)) return std::move(reply).Err(0);
  Done(std::move(reply), "fsync", ino, area_.Sync(NodeOf(ino)));
}

void StagingOps::Fsyncdir(Reply reply, fuse_ino_t ino, int, fuse_file_info*) {
  Done(std::move(reply), "fsyncdir", ino, area_.SyncAll());
}

Status StagingOps::CheckRoomFor(uint64_t size_bytes) const {
  struct statvfs stat {};
  if (statvfs(area_.dir().c_str(), &stat) != 0) return FailErrno(area_.dir(), errno);
  if (size_bytes > stat.f_bavail * stat.f_frsize) return FailErrno("fallocate", ENOSPC);
  return {};
}

// Room is looked for, not set aside.
void StagingOps::Fallocate(Reply reply, fuse_ino_t ino, int mode, off_t offset, off_t size,
                           fuse_file_info*) {
  if (StagingControl::Owns(ino) || (mode & ~FALLOC_FL_KEEP_SIZE) != 0) {
    return std::move(reply).Err(EOPNOTSUPP);
  }
  if (const Status room = CheckRoomFor(static_cast<uint64_t>(size)); !room) {
    return Fail(std::move(reply), "fallocate", ino, room.error());
  }
  const auto attr = area_.GetAttr(NodeOf(ino));
  if (!attr) return Fail(std::move(reply), "fallocate", ino, attr.error());
  const auto end = static_cast<uint64_t>(offset) + static_cast<uint64_t>(size);
  if (mode != 0 || end <= attr->size_bytes) return std::move(reply).Err(0);
  StageChanges changes;
  changes.size_bytes = end;
  const auto changed = area_.SetAttr(NodeOf(ino), changes);
  if (!changed) return Fail(std::move(reply), "fallocate", ino, changed.error());
  std::move(reply).Err(0);
}

void StagingOps::CopyFileRange(Reply reply, fuse_ino_t from, off_t from_offset, fuse_file_info*,
                               fuse_ino_t to, off_t to_offset, fuse_file_info*, size_t size, int) {
  if (StagingControl::Owns(from) || StagingControl::Owns(to)) return std::move(reply).Err(EPERM);
  const auto copied = area_.CopyRange(NodeOf(from), static_cast<uint64_t>(from_offset), NodeOf(to),
                                      static_cast<uint64_t>(to_offset), size);
  if (!copied) return Fail(std::move(reply), "copy_file_range", to, copied.error());
  std::move(reply).Written(*copied);
}

// ---- Directories --------------------------------------------------------------------------------

void StagingOps::Opendir(Reply reply, fuse_ino_t, fuse_file_info* file) {
  file->fh = listings_.Add(std::make_shared<Listing>());
  std::move(reply).Open(*file);
}

void StagingOps::Releasedir(Reply reply, fuse_ino_t, fuse_file_info* file) {
  listings_.Remove(file->fh);
  std::move(reply).Err(0);
}

// Calls add(name, entry, next_offset) until it returns false.  Dots come with inode number 0 in
// the entry, which the kernel does not count as a lookup.
template <class AddEntry>
void StagingOps::ListDirectory(fuse_ino_t ino, off_t offset, Listing& listing, bool plus,
                               AddEntry add) {
  const auto dot = [&](fuse_ino_t number) {
    fuse_entry_param entry{};
    entry.attr.st_ino = number;
    entry.attr.st_mode = S_IFDIR;
    return entry;
  };
  const bool is_control = StagingControl::Owns(ino);
  if (offset == 0) {
    if (!add(".", dot(ino), 1)) return;
    offset = 1;
    auto ids = is_control ? std::vector<uint32_t>() : area_.List(NodeOf(ino));
    listing.ids = ids ? std::move(*ids) : std::vector<uint32_t>();
  }
  if (offset == 1) {
    const fuse_ino_t parent = is_control ? FUSE_ROOT_ID : Number(area_.ParentOf(NodeOf(ino)));
    if (!add("..", dot(parent), 2)) return;
    offset = 2;
  }
  const auto first = static_cast<size_t>(offset - 2);
  if (is_control) {
    for (size_t i = first; i < StagingControl::Names().size(); ++i) {
      const auto& [name, number] = StagingControl::Names()[i];
      fuse_entry_param entry{};
      entry.ino = number;
      entry.attr = control_.StatOf(number, uid_, gid_);
      if (!add(name, entry, static_cast<off_t>(i + 3))) return;
    }
    return;
  }
  for (size_t i = first; i < listing.ids.size(); ++i) {
    const auto child = area_.ChildOf(NodeOf(ino), listing.ids[i], plus);
    if (!child) continue;
    if (!add(child->name.c_str(), EntryOf(child->attr), static_cast<off_t>(i + 3))) {
      if (plus) area_.Forget(child->attr.ino, 1);
      return;
    }
  }
}

// The lock is given up before the answer is sent: it may bring RELEASEDIR.
template <class AddToReply>
void StagingOps::AnswerListing(Reply reply, fuse_ino_t ino, size_t size, off_t offset,
                               const fuse_file_info& file, bool plus, AddToReply add) {
  const auto listing = listings_.Find(file.fh);
  if (!listing) return std::move(reply).Err(EBADF);
  std::string text(size, '\0');
  size_t used = 0;
  {
    const std::lock_guard lock(listing->mutex);
    ListDirectory(ino, offset, *listing, plus,
                  [&](const char* name, const fuse_entry_param& entry, off_t next) {
                    const size_t needed =
                        add(reply.request(), text.data() + used, size - used, name, entry, next);
                    if (needed > size - used) return false;
                    used += needed;
                    return true;
                  });
  }
  std::move(reply).Data(std::string_view(text).substr(0, used));
}

void StagingOps::Readdir(Reply reply, fuse_ino_t ino, size_t size, off_t offset,
                         fuse_file_info* file) {
  AnswerListing(
      std::move(reply), ino, size, offset, *file, false,
      [](fuse_req_t request, char* to, size_t room, const char* name, const fuse_entry_param& entry,
         off_t next) { return fuse_add_direntry(request, to, room, name, &entry.attr, next); });
}

void StagingOps::Readdirplus(Reply reply, fuse_ino_t ino, size_t size, off_t offset,
                             fuse_file_info* file) {
  AnswerListing(
      std::move(reply), ino, size, offset, *file, true,
      [](fuse_req_t request, char* to, size_t room, const char* name, const fuse_entry_param& entry,
         off_t next) { return fuse_add_direntry_plus(request, to, room, name, &entry, next); });
}

}  // namespace betonfs
