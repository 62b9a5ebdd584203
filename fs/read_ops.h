// The read-only mount: FUSE requests answered from a Tree.
#pragma once

#include <cstdint>
#include <functional>

#include "fs/control_files.h"
#include "fs/op_stats.h"
#include "fs/read_observer.h"
#include "fs/rendered_cache.h"
#include "fs/reply.h"
#include "fs/tree.h"

namespace betonfs {

struct ReadOpsOptions {
  // Largest READ; the mount gets the option max_read with it.  0: the kernel's own, 1 MiB.
  uint32_t max_read_bytes = 0;
  // Answers ioctls on files of the control directory; called from any request thread.
  std::function<Status(unsigned command, Bytes in)> ioctl;
};

// Any thread may call any operation.  The dataset never changes, so the kernel may keep names,
// attributes and missing names for good, and FORGET frees nothing of the tree's.
//
// READ takes no lock, allocates nothing and copies nothing in user space, unless the file is one
// that is rendered (BMP, PNG, scalars as JSON) or of the control directory.
class ReadOps {
 public:
  // All borrowed.  `observer` may be null.
  ReadOps(const Tree& tree, ControlFiles& control, ReadObserver* observer,
          const ReadOpsOptions& options);

  // For fuse_session_new, with the ReadOps as userdata.
  static fuse_lowlevel_ops Table();

  OpStats& stats() { return stats_; }
  // FUSE_CAP_* that the kernel offered and that it was really asked for, so has granted.
  uint32_t granted_capabilities() const { return granted_capabilities_; }

  void Init(fuse_conn_info& connection);
  void Lookup(Reply reply, fuse_ino_t parent, const char* name);
  void Forget(Reply reply, fuse_ino_t ino, uint64_t num_lookups);
  void ForgetMulti(Reply reply, size_t count, fuse_forget_data* forgets);
  void Getattr(Reply reply, fuse_ino_t ino, fuse_file_info* file);
  void Readlink(Reply reply, fuse_ino_t ino);
  // ENOSYS: the kernel never sends OPEN, FLUSH and RELEASE (OPENDIR, RELEASEDIR) again.
  void Open(Reply reply, fuse_ino_t ino, fuse_file_info* file);
  void Opendir(Reply reply, fuse_ino_t ino, fuse_file_info* file);
  void Read(Reply reply, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* file);
  void Readdir(Reply reply, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* file);
  void Readdirplus(Reply reply, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* file);
  void Statfs(Reply reply, fuse_ino_t ino);
  void Getxattr(Reply reply, fuse_ino_t ino, const char* name, size_t size);
  void Listxattr(Reply reply, fuse_ino_t ino, size_t size);
  void Ioctl(Reply reply, fuse_ino_t ino, unsigned command, void* argument, fuse_file_info* file,
             unsigned flags, const void* in, size_t in_size, size_t out_size) const;

 private:
  class DirectoryReply;

  void LookupControl(Reply reply, Ino directory, std::string_view name);
  void Send(Reply reply, Ino ino, const FileContents& contents, size_t size, uint64_t offset);
  void ReadControl(Reply reply, Ino ino, size_t size, uint64_t offset);
  void ForgetOne(Ino ino, uint64_t num_lookups);
  Result<Attributes> AttributesOf(Ino ino) const;
  Result<Ino> ParentOf(Ino directory) const;
  fuse_entry_param EntryOf(Ino ino, const Attributes& attributes) const;
  struct stat StatOf(Ino ino, const Attributes& attributes) const;
  void ListDirectory(Reply reply, Ino directory, uint64_t offset, DirectoryReply& out) const;

  const Tree& tree_;
  ControlFiles& control_;
  ReadObserver* observer_;
  ReadOpsOptions options_;
  uid_t uid_;
  gid_t gid_;
  uint32_t granted_capabilities_ = 0;
  OpStats stats_;
  RenderedCache rendered_;
};

}  // namespace betonfs
