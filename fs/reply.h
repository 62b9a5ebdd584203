// The one answer a FUSE request is owed.
#pragma once

#ifndef FUSE_USE_VERSION
#error "FUSE_USE_VERSION comes from the build"
#endif
#include <fuse_lowlevel.h>

#include <cerrno>
#include <exception>
#include <utility>

#include "core/bytes.h"

namespace betonfs {

// Of names and attributes that change through this mount alone; the kernel caps it at what its
// clock can hold.
inline constexpr double kForever_s = 1e9;

// Move-only; every sender consumes it (`std::move(reply).Err(ENOENT)`), so a request is answered
// once.  One that is dropped answers EIO, so a forgotten branch cannot hang a reader; one that is
// dropped by an exception (out of memory, see op.h) answers ENOMEM.  Used by the thread that
// handles the request.  Nothing may be locked while sending: an answer can bring the next request
// at once.
//
// A failed send is the kernel's affair (the request was interrupted or the mount is gone), except
// Data(): its result tells that bytes of the mapping could not be read.
class Reply {
 public:
  explicit Reply(fuse_req_t request) : request_(request) {}
  Reply(Reply&& other) noexcept : request_(std::exchange(other.request_, nullptr)) {}
  Reply& operator=(Reply&&) = delete;
  ~Reply() {
    if (request_) fuse_reply_err(request_, std::uncaught_exceptions() > 0 ? ENOMEM : EIO);
  }

  // Who asks: uid, gid, pid, umask.  Valid until the answer is sent.
  const fuse_ctx& caller() const { return *fuse_req_ctx(request_); }

  void Err(int error) && { fuse_reply_err(Take(), error); }  // 0: done, nothing to return
  void None() && { fuse_reply_none(Take()); }                // to FORGET
  void Entry(const fuse_entry_param& entry) && { fuse_reply_entry(Take(), &entry); }
  // "There is no such name", to be remembered by the kernel for `ttl_s`.
  void NoEntry(double ttl_s) && {
    fuse_entry_param entry{};
    entry.entry_timeout = ttl_s;
    fuse_reply_entry(Take(), &entry);
  }
  void Create(const fuse_entry_param& entry, const fuse_file_info& file) && {
    fuse_reply_create(Take(), &entry, &file);
  }
  void Attr(const struct stat& attr, double ttl_s) && { fuse_reply_attr(Take(), &attr, ttl_s); }
  void Link(const char* target) && { fuse_reply_readlink(Take(), target); }
  void Open(const fuse_file_info& file) && { fuse_reply_open(Take(), &file); }
  void Written(size_t size_bytes) && { fuse_reply_write(Take(), size_bytes); }
  void Statfs(const struct statvfs& stat) && { fuse_reply_statfs(Take(), &stat); }
  void XattrSize(size_t size_bytes) && { fuse_reply_xattr(Take(), size_bytes); }
  void Seek(off_t offset) && { fuse_reply_lseek(Take(), offset); }
  void Ioctl(int result, Bytes out) && { fuse_reply_ioctl(Take(), result, out.data(), out.size()); }

  // Sends without copying in user space.  Returns 0, or the errno of the send: EFAULT when the
  // bytes lie in a mapping whose file was cut short (the reader gets EIO).
  int Data(Bytes bytes) && {
    return -fuse_reply_buf(Take(), reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  int Data(Bytes first, Bytes second) && {
    if (first.empty()) return std::move(*this).Data(second);
    if (second.empty()) return std::move(*this).Data(first);
    const iovec parts[] = {IoVec(first), IoVec(second)};
    return -fuse_reply_iov(Take(), parts, 2);
  }
  int Data(std::string_view text) && { return std::move(*this).Data(AsBytes(text)); }

  fuse_req_t request() const { return request_; }

 private:
  fuse_req_t Take() { return std::exchange(request_, nullptr); }
  static iovec IoVec(Bytes bytes) { return {const_cast<std::byte*>(bytes.data()), bytes.size()}; }

  fuse_req_t request_;
};

}  // namespace betonfs
