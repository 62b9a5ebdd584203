#include "tools/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace betonfs {
namespace {

using testing::ElementsAre;

std::vector<std::string> Normalize(std::vector<const char*> argv) {
  return NormalizeArguments(static_cast<int>(argv.size()), argv.data());
}

TEST(NormalizeArguments, LeavesTypedCommandsAlone) {
  EXPECT_THAT(Normalize({"/usr/bin/betonfs", "ls", "-l", "a.beton"}),
              ElementsAre("ls", "-l", "a.beton"));
  EXPECT_THAT(Normalize({"betonfs", "mount", "/a.beton", "-o", "allow_other", "/mnt"}),
              ElementsAre("mount", "/a.beton", "-o", "allow_other", "/mnt"));
  EXPECT_THAT(Normalize({"betonfs", "stage", "/a.beton", "/mnt", "-o", "x"}),
              ElementsAre("stage", "/a.beton", "/mnt", "-o", "x"));
  EXPECT_THAT(Normalize({"betonfs"}), ElementsAre());
}

TEST(NormalizeArguments, UnderstandsMountHelpers) {
  for (const char* program : {"/sbin/mount.betonfs", "/sbin/mount.fuse.betonfs"}) {
    EXPECT_THAT(Normalize({program, "/a.beton", "/mnt", "-o", "rw"}),
                ElementsAre("mount", "/a.beton", "/mnt", "-o", "rw"));
  }
}

TEST(NormalizeArguments, UnderstandsMountFuse) {
  EXPECT_THAT(Normalize({"/usr/bin/betonfs", "/a.beton", "/mnt", "-o", "rw,dev,suid"}),
              ElementsAre("mount", "/a.beton", "/mnt", "-o", "rw,dev,suid"));
}

}  // namespace
}  // namespace betonfs
