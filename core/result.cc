#include "core/result.h"

#include <cerrno>
#include <cstring>

namespace betonfs {
namespace {

ErrorKind KindOfErrno(int sys_errno) {
  switch (sys_errno) {
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
      return ErrorKind::kNotFound;
    case EEXIST:
    case ENOTEMPTY:
      return ErrorKind::kExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::kPermission;
    case EBUSY:
    case ETXTBSY:
      return ErrorKind::kBusy;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorKind::kNoSpace;
    case EINVAL:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return ErrorKind::kInvalidArgument;
    default:
      return ErrorKind::kIo;
  }
}

}  // namespace

tl::unexpected<Error> FailErrno(std::string what, int sys_errno) {
  // GNU strerror_r: thread-safe, and returns the text, which may or may not be in `buffer`.
  char buffer[128];
  what += ": ";
  what += strerror_r(sys_errno, buffer, sizeof buffer);
  return Fail(KindOfErrno(sys_errno), std::move(what), sys_errno);
}

const char* KindName(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
      return "invalid_argument";
    case ErrorKind::kNotFound:
      return "not_found";
    case ErrorKind::kExists:
      return "exists";
    case ErrorKind::kPermission:
      return "permission";
    case ErrorKind::kBusy:
      return "busy";
    case ErrorKind::kTruncated:
      return "truncated";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kChanged:
      return "changed";
    case ErrorKind::kNoSpace:
      return "no_space";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kIo:
      return "io";
  }
  return "unknown";
}

}  // namespace betonfs
