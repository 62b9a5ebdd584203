#include "tools/exit_codes.h"

namespace betonfs {

int ExitCodeOf(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalidArgument:
      return kExitUsage;
    case ErrorKind::kTruncated:
    case ErrorKind::kUnsupported:
    case ErrorKind::kCorrupt:
      return kExitBadFile;
    case ErrorKind::kNotFound:
      return kExitNotFound;
    case ErrorKind::kPermission:
      return kExitPermission;
    case ErrorKind::kExists:
    case ErrorKind::kBusy:
      return kExitInTheWay;
    case ErrorKind::kNoSpace:
      return kExitNoSpace;
    case ErrorKind::kChanged:
      return kExitChanged;
    case ErrorKind::kCancelled:
      return kExitCancelled;
    case ErrorKind::kIo:
      return kExitSystem;
  }
  return kExitSystem;
}

}  // namespace betonfs
