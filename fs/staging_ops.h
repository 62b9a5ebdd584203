// The staging mount: FUSE requests answered by a StagingArea.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "core/staging_area.h"
#include "fs/handle_table.h"
#include "fs/reply.h"
#include "fs/staging_control.h"

namespace betonfs {

// Any thread may call any operation.
//
// Round trips are what a copy costs, so there are few: a created file takes LOOKUP (answered with a
// missing name the kernel may keep), CREATE, one WRITE per megabyte, FLUSH; RELEASE is not waited
// for.  Nothing changes the tree but requests of this kernel, so names, attributes and pages may be
// kept for good.
//
// Writes go through (no FUSE_CAP_WRITEBACK_CACHE): held back, they would be sent at FLUSH anyhow,
// with a SETATTR of the times on top, pages would have to be read before they are written in part,
// and the kernel would own size and times.  Mapped writes are sent before FLUSH, or before RELEASE
// when the mapping outlives the descriptor; both seal.
//
// FUSE_CAP_HANDLE_KILLPRIV is declined: the kernel then clears set-uid bits itself, with ext4's
// exceptions for root, and asks for nothing when there are none.
class StagingOps {
 public:
  // All borrowed.
  StagingOps(StagingArea& area, StagingControl& control);

  // For fuse_session_new, with the StagingOps as userdata.
  static fuse_lowlevel_ops Table();

  OpStats& stats() { return control_.stats(); }

  void Init(fuse_conn_info& connection);
  void Lookup(Reply reply, fuse_ino_t parent, const char* name);
  void Forget(Reply reply, fuse_ino_t ino, uint64_t num_lookups);
  void ForgetMulti(Reply reply, size_t count, fuse_forget_data* forgets);
  void Getattr(Reply reply, fuse_ino_t ino, fuse_file_info* file);
  void Setattr(Reply reply, fuse_ino_t ino, struct stat* attr, int to_set, fuse_file_info* file);
  void Readlink(Reply reply, fuse_ino_t ino);
  void Mknod(Reply reply, fuse_ino_t parent, const char* name, mode_t mode, dev_t device);
  void Mkdir(Reply reply, fuse_ino_t parent, const char* name, mode_t mode);
  void Symlink(Reply reply, const char* target, fuse_ino_t parent, const char* name);
  void Link(Reply reply, fuse_ino_t ino, fuse_ino_t parent, const char* name);
  void Unlink(Reply reply, fuse_ino_t parent, const char* name);
  void Rmdir(Reply reply, fuse_ino_t parent, const char* name);
  void Rename(Reply reply, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
              const char* new_name, unsigned flags);
  void Create(Reply reply, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* file);
  void Open(Reply reply, fuse_ino_t ino, fuse_file_info* file);
  void Read(Reply reply, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* file);
  void Write(Reply reply, fuse_ino_t ino, const char* bytes, size_t size, off_t offset,
             fuse_file_info* file);
  void Flush(Reply reply, fuse_ino_t ino, fuse_file_info* file);
  void Release(Reply reply, fuse_ino_t ino, fuse_file_info* file);
  void Fsync(Reply reply, fuse_ino_t ino, int data_only, fuse_file_info* file);
  void Fsyncdir(Reply reply, fuse_ino_t ino, int data_only, fuse_file_info* file);
  void Fallocate(Reply reply, fuse_ino_t ino, int mode, off_t offset, off_t size,
                 fuse_file_info* file);
  void CopyFileRange(Reply reply, fuse_ino_t from, off_t from_offset, fuse_file_info* from_file,
                     fuse_ino_t to, off_t to_offset, fuse_file_info* to_file, size_t size,
                     int flags);
  void Opendir(Reply reply, fuse_ino_t ino, fuse_file_info* file);
  void Releasedir(Reply reply, fuse_ino_t ino, fuse_file_info* file);
  void Readdir(Reply reply, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* file);
  void Readdirplus(Reply reply, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* file);
  void Statfs(Reply reply, fuse_ino_t ino);

 private:
  // What an open directory lists: the entries it had when reading began, each looked up when its
  // turn comes, so that what is removed meanwhile is not shown and what stays is shown once.
  struct Listing {
    std::mutex mutex;  // readers of one descriptor take turns
    std::vector<uint32_t> ids;
  };
  template <class AddEntry>
  void ListDirectory(fuse_ino_t ino, off_t offset, Listing& listing, bool plus, AddEntry add);
  template <class AddToReply>
  void AnswerListing(Reply reply, fuse_ino_t ino, size_t size, off_t offset,
                     const fuse_file_info& file, bool plus, AddToReply add);
  static StageIno NodeOf(fuse_ino_t ino) { return StageIno{static_cast<uint32_t>(ino)}; }
  void Fail(Reply reply, const char* op, fuse_ino_t ino, const Error& error) const;
  void AnswerEntry(Reply reply, const char* op, fuse_ino_t parent, const Result<StageAttr>& made);
  void Done(Reply reply, const char* op, fuse_ino_t ino, const Status& status) const;
  struct stat StatOf(const StageAttr& attr) const;
  fuse_entry_param EntryOf(const StageAttr& attr) const;
  Result<StageChanges> ChangesOf(const struct stat& attr, int to_set) const;
  Status CheckRoomFor(uint64_t size_bytes) const;

  StagingArea& area_;
  StagingControl& control_;
  uid_t uid_;
  gid_t gid_;
  HandleTable<const std::string> control_files_;  // what a reader gets, made when it is opened
  HandleTable<Listing> listings_;
};

}  // namespace betonfs
