// How anything in betonfs fails: a value or an Error, never an exception.
//
// Exceptions would have to cross libfuse's C frames and would hide what can fail.  assert() is for
// our own bugs; what a file or the world does wrong is an Error.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace betonfs {

// Chosen by what the caller can do next, not by where the failure came from.
enum class ErrorKind {
  kInvalidArgument,  // the caller asked for something that makes no sense: fix the request
  kNotFound,         // a path, name or sample that is not there
  kExists,           // something is in the way and may be replaced on request
  kPermission,       // the system refused: other rights are needed
  kBusy,             // a mountpoint, a lock or a work area is in use
  kTruncated,        // the file ends before what it promises
  kUnsupported,      // well-formed, but of a version or kind this program does not read
  kCorrupt,          // the file contradicts itself or a checksum
  kChanged,          // a source changed while it was being read: try again
  kNoSpace,          // no room on the device or within a quota
  kCancelled,        // the user interrupted
  kIo,               // any other failure of the system, sys_errno says which
};

// `message` is one line that names the file, the offset or name, what was found and what was
// expected.
struct Error {
  ErrorKind kind = ErrorKind::kIo;
  std::string message;
  int sys_errno = 0;  // 0 where no system call failed
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// `return Fail(ErrorKind::kCorrupt, "...")` from any function that returns a Result.
inline tl::unexpected<Error> Fail(ErrorKind kind, std::string message, int sys_errno = 0) {
  return tl::unexpected<Error>(Error{kind, std::move(message), sys_errno});
}

// A failed system call: the kind follows from `sys_errno`, the message reads "<what>: <strerror>".
tl::unexpected<Error> FailErrno(std::string what, int sys_errno);

// The short name of a kind for logs and JSON: "corrupt", "no_space", ...
const char* KindName(ErrorKind kind);

}  // namespace betonfs

#define BETONFS_CONCAT_(a, b) a##b
#define BETONFS_CONCAT(a, b) BETONFS_CONCAT_(a, b)
#define BETONFS_ASSIGN_OR_RETURN_(tmp, lhs, expr)          \
  auto tmp = (expr);                                       \
  if (!tmp) return tl::unexpected(std::move(tmp).error()); \
  lhs = std::move(*tmp)

// ASSIGN_OR_RETURN(auto value, Function());  returns the Error of Function() if it failed.
#define ASSIGN_OR_RETURN(lhs, expr) \
  BETONFS_ASSIGN_OR_RETURN_(BETONFS_CONCAT(result_, __LINE__), lhs, expr)

// RETURN_IF_ERROR(Function());  the same for a Status, or for a value nobody needs.
#define RETURN_IF_ERROR(expr)                                        \
  do {                                                               \
    auto status_ = (expr);                                           \
    if (!status_) return tl::unexpected(std::move(status_).error()); \
  } while (0)
