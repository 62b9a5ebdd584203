#include "core/result.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace betonfs {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Fail(ErrorKind::kInvalidArgument, "odd");
  return n / 2;
}

Result<int> Quarter(int n) {
  ASSIGN_OR_RETURN(int half, Half(n));
  return Half(half);
}

TEST(Result, AssignOrReturnPassesTheErrorOn) {
  EXPECT_EQ(*Quarter(8), 2);
  const auto failed = Quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "odd");
}

TEST(Result, TheKindOfASystemErrorSaysWhatTheCallerCanDo) {
  EXPECT_EQ(FailErrno("f", ENOENT).value().kind, ErrorKind::kNotFound);
  EXPECT_EQ(FailErrno("f", EACCES).value().kind, ErrorKind::kPermission);
  EXPECT_EQ(FailErrno("f", ENOSPC).value().kind, ErrorKind::kNoSpace);
  EXPECT_EQ(FailErrno("f", EIO).value().kind, ErrorKind::kIo);
  EXPECT_EQ(FailErrno("f", EIO).value().sys_errno, EIO);
  EXPECT_EQ(FailErrno("open f", ENOENT).value().message, "open f: No such file or directory");
}

}  // namespace
}  // namespace betonfs
