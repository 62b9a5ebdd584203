#include "fs/op.h"

#include <gtest/gtest.h>

#include <new>
#include <string>

#include "tests/support/fake_kernel.h"

namespace betonfs {
namespace {

using test::FakeKernel;

// One method per way a request can end.
class SampleOps {
 public:
  void Forgets(Reply, fuse_ino_t, fuse_file_info*) {}
  void RunsOutOfMemory(Reply, fuse_ino_t, fuse_file_info*) { throw std::bad_alloc(); }
  void Read(Reply reply, fuse_ino_t, size_t size, off_t offset, fuse_file_info*) {
    const std::string_view head = "P6\n", tail = "pixels";
    (void)offset;
    std::move(reply).Data(AsBytes(head), AsBytes(tail.substr(0, size)));
    stats_.CountBytes(OpKind::kRead, head.size() + tail.size());
  }
  void Lookup(Reply reply, fuse_ino_t, const char* name) const {
    if (std::string_view(name) == "missing") return std::move(reply).NoEntry(60);
    fuse_entry_param entry{};
    entry.ino = 7;
    entry.attr.st_uid = reply.caller().uid;
    std::move(reply).Entry(entry);
  }
  OpStats& stats() { return stats_; }

 private:
  OpStats stats_;
};

class OpTest : public ::testing::Test {
 protected:
  static fuse_lowlevel_ops Table() {
    fuse_lowlevel_ops table{};
    table.getattr = Op<&SampleOps::Forgets>::Call;
    table.open = Op<&SampleOps::RunsOutOfMemory, OpKind::kOpen>::Call;
    table.read = Op<&SampleOps::Read, OpKind::kRead>::Call;
    table.lookup = Op<&SampleOps::Lookup, OpKind::kLookup>::Call;
    return table;
  }

  SampleOps ops_;
  FakeKernel kernel_{Table(), &ops_};
};

TEST_F(OpTest, AForgottenReplyIsAnIoErrorAndNotAHang) {
  fuse_attr_out attr;
  EXPECT_EQ(kernel_.Getattr(FUSE_ROOT_ID, attr).error, EIO);
}

TEST_F(OpTest, RunningOutOfMemoryFailsTheRequestAlone) {
  EXPECT_EQ(kernel_.Open(FUSE_ROOT_ID).error, ENOMEM);
  EXPECT_EQ(kernel_.Lookup(FUSE_ROOT_ID, "a").out.nodeid, 7u);
}

TEST_F(OpTest, DataOfTwoPartsArrivesAsOne) {
  EXPECT_EQ(kernel_.Read(7, 0, 100).body, "P6\npixels");
  EXPECT_EQ(kernel_.Read(7, 0, 0).body, "P6\n");
}

TEST_F(OpTest, AMissingNameIsAnEntryWithoutInodeThatTheKernelKeeps) {
  const auto missing = kernel_.Lookup(FUSE_ROOT_ID, "missing");
  EXPECT_EQ(missing.error, 0);
  EXPECT_EQ(missing.out.nodeid, 0u);
  EXPECT_EQ(missing.out.entry_valid, 60u);
}

TEST_F(OpTest, TheCallerIsKnownUntilTheAnswer) {
  EXPECT_EQ(kernel_.Lookup(FUSE_ROOT_ID, "a").out.attr.uid, getuid());
}

TEST_F(OpTest, OperationsAreCountedByKind) {
  kernel_.Read(7, 0, 100);
  kernel_.Read(7, 0, 100);
  // The count is made after the answer is sent, so the next answer of this thread may come first.
  while (ops_.stats().Totals(OpKind::kRead).count < 2) std::this_thread::yield();
  const auto reads = ops_.stats().Totals(OpKind::kRead);
  EXPECT_EQ(reads.count, 2u);
  EXPECT_EQ(reads.bytes, 18u);
  EXPECT_GT(reads.DurationPercentileNs(0.5), 0u);
  EXPECT_EQ(ops_.stats().Totals(OpKind::kLookup).count, 0u);
}

TEST(Reply, StoresReachTheKernelAndItsRefusalReachesTheCaller) {
  SampleOps ops;
  FakeKernel kernel(fuse_lowlevel_ops{}, &ops);
  char text[] = "page";
  fuse_bufvec data = FUSE_BUFVEC_INIT(4);
  data.buf[0].mem = text;
  const auto copy = fuse_buf_copy_flags{};
  EXPECT_EQ(fuse_lowlevel_notify_store(kernel.session(), 9, 4096, &data, copy), 0);
  test::FakeStore store;
  ASSERT_TRUE(kernel.TakeStore(store, 60));
  EXPECT_EQ(store.ino, 9u);
  EXPECT_EQ(store.offset, 4096u);
  EXPECT_EQ(store.data, "page");

  kernel.AnswerStoresWith(ENOENT);
  data.off = 0;
  EXPECT_EQ(fuse_lowlevel_notify_store(kernel.session(), 9, 0, &data, copy), -ENOENT);
}

}  // namespace
}  // namespace betonfs
