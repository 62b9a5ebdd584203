#include "fs/error_map.h"

#include <cerrno>

namespace betonfs {

int ErrnoOf(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalidArgument:
      return EINVAL;
    case ErrorKind::kNotFound:
      return ENOENT;
    case ErrorKind::kExists:
      return EEXIST;
    case ErrorKind::kPermission:
      return EACCES;
    case ErrorKind::kBusy:
      return EBUSY;
    case ErrorKind::kNoSpace:
      return ENOSPC;
    case ErrorKind::kCancelled:
      return EINTR;
    case ErrorKind::kTruncated:
    case ErrorKind::kUnsupported:
    case ErrorKind::kCorrupt:
    case ErrorKind::kChanged:
    case ErrorKind::kIo:
      return EIO;
  }
  return EIO;
}

}  // namespace betonfs
