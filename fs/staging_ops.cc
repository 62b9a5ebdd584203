#include "fs/staging_ops.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <ctime>
#include <string_view>

#include "fs/error_map.h"
#include "fs/log.h"
#include "fs/op.h"

namespace betonfs {
namespace {

constexpr uint32_t kMaxWriteBytes = 1u << 20;

int ErrnoFor(const Error& error) { return error.sys_errno ? error.sys_errno : ErrnoOf(error); }

mode_t TypeOf(NodeKind kind) {
  switch (kind) {
    case NodeKind::kFile:
      return S_IFREG;
    case NodeKind::kDirectory:
      return S_IFDIR;
    case NodeKind::kSymlink:
      return S_IFLNK;
  }
  return S_IFREG;
}

}  // namespace

StagingOps::StagingOps(StagingArea& area, StagingControl& control)
    : area_(area), control_(control), uid_(getuid()), gid_(getgid()) {}

fuse_lowlevel_ops StagingOps::Table() {
  fuse_lowlevel_ops ops{};
  ops.init = InitOp<&StagingOps::Init>::Call;
  ops.lookup = Op<&StagingOps::Lookup, OpKind::kLookup>::Call;
  ops.forget = Op<&StagingOps::Forget, OpKind::kForget>::Call;
  ops.forget_multi = Op<&StagingOps::ForgetMulti, OpKind::kForget>::Call;
  ops.getattr = Op<&StagingOps::Getattr, OpKind::kGetattr>::Call;
  ops.setattr = Op<&StagingOps::Setattr, OpKind::kSetattr>::Call;
  ops.readlink = Op<&StagingOps::Readlink, OpKind::kReadlink>::Call;
  ops.mknod = Op<&StagingOps::Mknod, OpKind::kCreate>::Call;
  ops.mkdir = Op<&StagingOps::Mkdir, OpKind::kCreate>::Call;
  ops.symlink = Op<&StagingOps::Symlink, OpKind::kCreate>::Call;
  ops.link = Op<&StagingOps::Link, OpKind::kCreate>::Call;
  ops.unlink = Op<&StagingOps::Unlink, OpKind::kRemove>::Call;
  ops.rmdir = Op<&StagingOps::Rmdir, OpKind::kRemove>::Call;
  ops.rename = Op<&StagingOps::Rename, OpKind::kRename>::Call;
  ops.create = Op<&StagingOps::Create, OpKind::kCreate>::Call;
  ops.open = Op<&StagingOps::Open, OpKind::kOpen>::Call;
  ops.read = Op<&StagingOps::Read, OpKind::kRead>::Call;
  ops.write = Op<&StagingOps::Write, OpKind::kWrite>::Call;
  ops.flush = Op<&StagingOps::Flush, OpKind::kFlush>::Call;
  ops.release = Op<&StagingOps::Release, OpKind::kRelease>::Call;
  ops.fsync = Op<&StagingOps::Fsync, OpKind::kFsync>::Call;
  ops.fsyncdir = Op<&StagingOps::Fsyncdir, OpKind::kFsync>::Call;
  ops.fallocate = Op<&StagingOps::Fallocate, OpKind::kOther>::Call;
  ops.copy_file_range = Op<&StagingOps::CopyFileRange, OpKind::kOther>::Call;
  ops.opendir = Op<&StagingOps::Opendir, OpKind::kOpen>::Call;
  ops.releasedir = Op<&StagingOps::Releasedir, OpKind::kRelease>::Call;
  ops.readdir = Op<&StagingOps::Readdir, OpKind::kReaddir>::Call;
  ops.readdirplus = Op<&StagingOps::Readdirplus, OpKind::kReaddirplus>::Call;
  ops.statfs = Op<&StagingOps::Statfs, OpKind::kStatfs>::Call;
  // Left out, and so ENOSYS, which the kernel takes once for all: extended attributes and ACLs,
  // locks (they stay with the kernel), lseek (it knows how for a file without holes), access
  // (default_permissions).
  return ops;
}

void StagingOps::Init(fuse_conn_info& connection) {
  connection.want |=
      connection.capable & (FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_PARALLEL_DIROPS |
                            FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_ASYNC_READ | FUSE_CAP_READDIRPLUS);
  // AUTO_INVAL_DATA would drop pages whenever a time changes.  Splicing was no faster for requests
  // of these sizes.
  connection.want &= ~static_cast<unsigned>(
      FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_HANDLE_KILLPRIV |
      FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
      FUSE_CAP_SPLICE_MOVE | FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS);
  connection.max_write = kMaxWriteBytes;
}

// ---- Answers ------------------------------------------------------------------------------------

void StagingOps::Fail(Reply reply, const char* op, fuse_ino_t ino, const Error& error) const {
  const int number = ErrnoFor(error);
  std::move(reply).Err(number);
  LogFailedRequest({op, ino, number}, error.message);
}

void StagingOps::Done(Reply reply, const char* op, fuse_ino_t ino, const Status& status) const {
  if (!status) return Fail(std::move(reply), op, ino, status.error());
  std::move(reply).Err(0);
}

void StagingOps::AnswerEntry(Reply reply, const char* op, fuse_ino_t parent,
                             const Result<StageAttr>& made) {
  if (!made) return Fail(std::move(reply), op, parent, made.error());
  std::move(reply).Entry(EntryOf(*made));
}

struct stat StagingOps::StatOf(const StageAttr& attr) const {
  struct stat stat {};
  stat.st_ino = Number(attr.ino);
  stat.st_mode = TypeOf(attr.kind) | attr.mode;
  stat.st_nlink = attr.nlink;
  stat.st_uid = uid_;
  stat.st_gid = gid_;
  stat.st_size = attr.kind == NodeKind::kDirectory ? 4096 : static_cast<off_t>(attr.size_bytes);
  stat.st_blksize = 4096;
  stat.st_blocks = (stat.st_size + 511) / 512;
  stat.st_mtim = {attr.mtime.s, static_cast<long>(attr.mtime.ns)};
  stat.st_atim = stat.st_mtim;
  stat.st_ctim = {attr.ctime.s, static_cast<long>(attr.ctime.ns)};
  return stat;
}

fuse_entry_param StagingOps::EntryOf(const StageAttr& attr) const {
  fuse_entry_param entry{};
  entry.ino = Number(attr.ino);
  entry.attr = StatOf(attr);
  entry.attr_timeout = entry.entry_timeout = kForever_s;
  return entry;
}

// ---- Names --------------------------------------------------------------------------------------

void StagingOps::Lookup(Reply reply, fuse_ino_t parent, const char* name) {
  if (StagingControl::IsDirectoryName(parent, name) || StagingControl::Owns(parent)) {
    const fuse_ino_t ino =
        StagingControl::Owns(parent) ? StagingControl::Find(name) : StagingControl::kDirectory;
    if (ino == 0) return std::move(reply).Err(ENOENT);
    fuse_entry_param entry{};
    entry.ino = ino;
    entry.attr = control_.StatOf(ino, uid_, gid_);
    return std::move(reply).Entry(entry);
  }
  const auto found = area_.Lookup(NodeOf(parent), name);
  if (!found) return Fail(std::move(reply), "lookup", parent, found.error());
  if (!*found) return std::move(reply).NoEntry(kForever_s);
  std::move(reply).Entry(EntryOf(**found));
}

void StagingOps::Forget(Reply reply, fuse_ino_t ino, uint64_t num_lookups) {
  if (!StagingControl::Owns(ino)) area_.Forget(NodeOf(ino), num_lookups);
  std::move(reply).None();
}

void StagingOps::ForgetMulti(Reply reply, size_t count, fuse_forget_data* forgets) {
  for (size_t i = 0; i < count; ++i) {
    if (!StagingControl::Owns(forgets[i].ino)) {
      area_.Forget(NodeOf(forgets[i].ino), forgets[i].nlookup);
    }
  }
  std::move(reply).None();
}

void StagingOps::Mknod(Reply reply, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
  if (!S_ISREG(mode) || StagingControl::Owns(parent)) return std::move(reply).Err(EPERM);
  if (StagingControl::IsDirectoryName(parent, name)) return std::move(reply).Err(EEXIST);
  AnswerEntry(std::move(reply), "mknod", parent,
              area_.MakeFile(NodeOf(parent), name, static_cast<uint16_t>(mode & 07777)));
}

void StagingOps::Mkdir(Reply reply, fuse_ino_t parent, const char* name, mode_t mode) {
  if (StagingControl::Owns(parent)) return std::move(reply).Err(EPERM);
  if (StagingControl::IsDirectoryName(parent, name)) return std::move(reply).Err(EEXIST);
  AnswerEntry(std::move(reply), "mkdir", parent,
              area_.MakeDirectory(NodeOf(parent), name, static_cast<uint16_t>(mode & 07777)));
}

void StagingOps::Symlink(Reply reply, const char* target, fuse_ino_t parent, const char* name) {
  if (StagingControl::Owns(parent)) return std::move(reply).Err(EPERM);
  if (StagingControl::IsDirectoryName(parent, name)) return std::move(reply).Err(EEXIST);
  AnswerEntry(std::move(reply), "symlink", parent, area_.MakeSymlink(NodeOf(parent), name, target));
}

void StagingOps::Link(Reply reply, fuse_ino_t ino, fuse_ino_t parent, const char* name) {
  if (StagingControl::Owns(parent) || StagingControl::Owns(ino)) {
    return std::move(reply).Err(EPERM);
  }
  if (StagingControl::IsDirectoryName(parent, name)) return std::move(reply).Err(EEXIST);
  AnswerEntry(std::move(reply), "link", ino, area_.Link(NodeOf(ino), NodeOf(parent), name));
}

void StagingOps::Unlink(Reply reply, fuse_ino_t parent, const char* name) {
  if (StagingControl::Owns(parent)) return std::move(reply).Err(EPERM);
  Done(std::move(reply), "unlink", parent, area_.Unlink(NodeOf(parent), name));
}

void StagingOps::Rmdir(Reply reply, fuse_ino_t parent, const char* name) {
  if (StagingControl::Owns(parent) || StagingControl::IsDirectoryName(parent, name)) {
    return std::move(reply).Err(EPERM);
  }
  Done(std::move(reply), "rmdir", parent, area_.RemoveDirectory(NodeOf(parent), name));
}

void StagingOps::Rename(Reply reply, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
                        const char* new_name, unsigned flags) {
  if (StagingControl::Owns(parent) || StagingControl::Owns(new_parent) ||
      StagingControl::IsDirectoryName(parent, name) ||
      StagingControl::IsDirectoryName(new_parent, new_name)) {
    return std::move(reply).Err(EPERM);
  }
  if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) return std::move(reply).Err(EINVAL);
  const bool may_replace = (flags & RENAME_NOREPLACE) == 0;
  Done(std::move(reply), "rename", parent,
       area_.Rename(NodeOf(parent), name, NodeOf(new_parent), new_name, may_replace));
}

void StagingOps::Readlink(Reply reply, fuse_ino_t ino) {
  const auto target = area_.ReadLink(NodeOf(ino));
  if (!target) return Fail(std::move(reply), "readlink", ino, target.error());
  std::move(reply).Link(target->c_str());
}

// ---- Attributes ---------------------------------------------------------------------------------

void StagingOps::Getattr(Reply reply, fuse_ino_t ino, fuse_file_info*) {
  if (StagingControl::Owns(ino)) {
    return std::move(reply).Attr(control_.StatOf(ino, uid_, gid_), 0);
  }
  const auto attr = area_.GetAttr(NodeOf(ino));
  if (!attr) return Fail(std::move(reply), "getattr", ino, attr.error());
  std::move(reply).Attr(StatOf(*attr), kForever_s);
}

// Owners are accepted and not kept: a dataset has none, and files show the committer's.
Result<StageChanges> StagingOps::ChangesOf(const struct stat& attr, int to_set) const {
  StageChanges changes;
  if (to_set & FUSE_SET_ATTR_MODE) changes.mode = static_cast<uint16_t>(attr.st_mode & 07777);
  if (to_set & FUSE_SET_ATTR_SIZE) changes.size_bytes = static_cast<uint64_t>(attr.st_size);
  if (to_set & FUSE_SET_ATTR_MTIME_NOW) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    changes.mtime = Timestamp{now.tv_sec, static_cast<uint32_t>(now.tv_nsec)};
  } else if (to_set & FUSE_SET_ATTR_MTIME) {
    changes.mtime = Timestamp{attr.st_mtim.tv_sec, static_cast<uint32_t>(attr.st_mtim.tv_nsec)};
  }
  return changes;
}

void StagingOps::Setattr(Reply reply, fuse_ino_t ino, struct stat* attr, int to_set,
                         fuse_file_info*) {
  if (StagingControl::Owns(ino)) {  // `echo > commit` truncates
    if (to_set & ~FUSE_SET_ATTR_SIZE) return std::move(reply).Err(EPERM);
    return std::move(reply).Attr(control_.StatOf(ino, uid_, gid_), 0);
  }
  const auto changes = ChangesOf(*attr, to_set);
  if (!changes) return Fail(std::move(reply), "setattr", ino, changes.error());
  const auto changed = area_.SetAttr(NodeOf(ino), *changes);
  if (!changed) return Fail(std::move(reply), "setattr", ino, changed.error());
  std::move(reply).Attr(StatOf(*changed), kForever_s);
}

void StagingOps::Statfs(Reply reply, fuse_ino_t) {
  struct statvfs stat {};
  if (statvfs(area_.dir().c_str(), &stat) != 0) return std::move(reply).Err(errno);
  stat.f_namemax = kMaxNameSizeBytes;
  std::move(reply).Statfs(stat);
}

}  // namespace betonfs
