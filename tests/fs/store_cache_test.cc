#include "fs/store_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <thread>

#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

constexpr uint64_t kSize = 1 << 20;

class StoreCacheTest : public testing::Test {
 protected:
  StoreCacheTest() {
    const UniqueFd fd(open(path_.c_str(), O_RDONLY));
    fsync(fd.get());  // what is dirty cannot be given back
  }
  bool IsInMemoryAlone() const {
    struct statfs info {};
    statfs(path_.c_str(), &info);
    return info.f_type == TMPFS_MAGIC;
  }

  test::TempDir dir_;
  std::string path_ = dir_.Write("file", std::string(kSize, 'x'));
  MappedFile file_ = *MappedFile::Open(path_);
  StoreCache cache_{file_};
};

TEST_F(StoreCacheTest, WhatIsReleasedIsGoneAndWhatIsPopulatedIsBack) {
  if (IsInMemoryAlone()) GTEST_SKIP() << "a tmpfs gives nothing back";
  cache_.Populate({0, kSize});
  EXPECT_TRUE(cache_.Has({0, kSize}));
  EXPECT_FALSE(cache_.ReadAhead({0, kSize}));  // nothing is missing
  // The kernel may hold on to a page for a moment.
  for (int i = 0; i < 10'000 && cache_.Has({0, kSize}); ++i) {
    EXPECT_EQ(cache_.Release({0, kSize}), kSize);
    std::this_thread::yield();
  }
  EXPECT_FALSE(cache_.Has({0, kSize}));
  EXPECT_TRUE(cache_.ReadAhead({0, kSize}));
  cache_.Fetch({0, kSize});
  cache_.Populate({0, kSize});  // waits, where the two above do not
  EXPECT_TRUE(cache_.Has({0, kSize}));
}

TEST_F(StoreCacheTest, OnlyWholeSystemPagesAreReleased) {
  EXPECT_EQ(cache_.Release({100, 4096}), 0u);
  EXPECT_EQ(cache_.Release({100, 8192}), 4096u);
  EXPECT_EQ(cache_.Release({4096, 4096}), 4096u);
  EXPECT_EQ(cache_.Release({4096, 0}), 0u);
}

TEST_F(StoreCacheTest, WhatLiesOutsideTheFileIsIgnored) {
  for (const Extent outside : {Extent{kSize, 1}, Extent{kSize - 1, 2}, Extent{0, kSize + 1}}) {
    EXPECT_TRUE(cache_.Has(outside));  // there is nothing to fetch
    EXPECT_FALSE(cache_.ReadAhead(outside));
    EXPECT_EQ(cache_.Release(outside), 0u);
    cache_.Fetch(outside);
    cache_.Populate(outside);
  }
}

}  // namespace
}  // namespace betonfs
