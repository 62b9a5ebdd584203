#include "fs/error_map.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>

namespace betonfs {
namespace {

TEST(ErrnoOf, TellsTheProgramWhatItCanDoAndEioWhereThatIsNothing) {
  const std::map<ErrorKind, int> expected = {{ErrorKind::kInvalidArgument, EINVAL},
                                             {ErrorKind::kNotFound, ENOENT},
                                             {ErrorKind::kExists, EEXIST},
                                             {ErrorKind::kPermission, EACCES},
                                             {ErrorKind::kBusy, EBUSY},
                                             {ErrorKind::kNoSpace, ENOSPC},
                                             {ErrorKind::kCancelled, EINTR},
                                             {ErrorKind::kTruncated, EIO},
                                             {ErrorKind::kUnsupported, EIO},
                                             {ErrorKind::kCorrupt, EIO},
                                             {ErrorKind::kChanged, EIO},
                                             {ErrorKind::kIo, EIO}};
  for (const auto& [kind, number] : expected) {
    EXPECT_EQ(ErrnoOf({kind, "", 0}), number) << KindName(kind);
  }
}

}  // namespace
}  // namespace betonfs
