// The pusher behind a whole mount, with the protocol-level kernel.
#include "fs/mount_pusher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "fs/control_files.h"
#include "fs/read_ops.h"
#include "tests/support/beton_builder.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::FakeKernel;
using test::FakeName;
using test::FakeStore;

constexpr uint64_t kMountSamples = 640;
constexpr double kLimit_s = 60;

std::string LineOf(uint64_t sample) {
  return "sample " + std::to_string(sample) + std::string(sample % 50, '.');
}

// A mount of `kMountSamples` files, pages of 4 KiB.
class MountPusherTest : public ::testing::Test {
 protected:
  void Start(PushMode mode = PushMode::kAuto) {
    test::BetonBuilder builder;
    builder.Field(FieldType::kBytes, "data");
    for (uint64_t s = 0; s < kMountSamples; ++s) builder.Sample({test::Blob(LineOf(s))});
    shards_ = *Shards::Open({dir_.Write("data.beton", builder.Build())});
    TreeOptions tree_options;
    tree_options.kind = TreeKind::kFlat;
    tree_ = *Tree::Make(*shards_, tree_options);
    control_ = std::make_unique<ControlFiles>(*tree_);
    PushOptions options;
    options.mode = mode;
    options.max_unit_bytes = 4096;
    pusher_ = std::make_unique<MountPusher>(*tree_, options);
    control_->AddDirectory("order", [this](std::string_view name) { return pusher_->Order(name); });
    ops_ = std::make_unique<ReadOps>(*tree_, *control_, pusher_.get(), ReadOpsOptions{});
    kernel_ = std::make_unique<FakeKernel>(ReadOps::Table(), ops_.get());
    pusher_->Start(kernel_->session());
  }
  ~MountPusherTest() override {
    if (pusher_) pusher_->Stop();
    kernel_.reset();
  }

  // The names the kernel knows after a scan, by inode.
  std::map<uint64_t, uint64_t> Scan() {
    std::map<uint64_t, uint64_t> samples;
    const auto lists = [this] { return ops_->stats().Totals(OpKind::kReaddirplus).count; };
    const uint64_t wanted = lists() + 2;  // one answer with every name, and an empty one
    const auto names = kernel_->List(FUSE_ROOT_ID, 1 << 20);
    while (lists() < wanted) std::this_thread::yield();  // the pusher is told after the answer
    for (const FakeName& name : names) {
      if (name.entry.nodeid != 0) {
        samples[name.entry.nodeid] = Number(Ino(name.entry.nodeid).sample());
      }
    }
    return samples;
  }
  uint64_t InoOf(uint64_t sample) const { return tree_->MainFile(SampleIndex{sample}).value(); }
  // A READ that the pusher has heard of: an offer that meets its queue's lock taken is dropped, and
  // the next READ makes it again.
  std::string ReadHeard(uint64_t sample) {
    std::string contents;
    uint64_t dropped;
    do {
      dropped = pusher_->counters().offers_dropped;
      contents = kernel_->Read(InoOf(sample), 0, 4096).body;
    } while (pusher_->counters().offers_dropped != dropped);
    return contents;
  }

  test::TempDir dir_;
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<Tree> tree_;
  std::unique_ptr<ControlFiles> control_;
  std::unique_ptr<MountPusher> pusher_;
  std::unique_ptr<ReadOps> ops_;
  std::unique_ptr<FakeKernel> kernel_;
};

TEST_F(MountPusherTest, OneReadBringsItsNeighboursByteForByte) {
  Start();
  const auto known = Scan();
  EXPECT_EQ(known.size(), kMountSamples);
  EXPECT_EQ(ReadHeard(100), LineOf(100));
  FakeStore store;
  int stores = 0;
  while (stores < 50 && kernel_->TakeStore(store, kLimit_s)) {
    EXPECT_EQ(store.offset, 0u);
    EXPECT_EQ(store.data, LineOf(known.at(store.ino)));
    EXPECT_NE(store.ino, InoOf(100));
    ++stores;
  }
  EXPECT_EQ(stores, 50);
}

TEST_F(MountPusherTest, InodesTheKernelForgotAreNotPushed) {
  Start();
  Scan();
  for (uint64_t s = 0; s < kMountSamples; s += 2) kernel_->Forget(InoOf(s), 1);
  // FORGET has no answer; requests are taken up in order, but by several threads.
  while (ops_->stats().Totals(OpKind::kForget).count < kMountSamples / 2) std::this_thread::yield();
  ReadHeard(101);
  FakeStore store;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(kernel_->TakeStore(store, kLimit_s));
    EXPECT_EQ(Number(Ino(store.ino).sample()) % 2, 1u);
  }
}

TEST_F(MountPusherTest, AnOrderFileListsEveryPathOnceAndArmsThePusher) {
  Start();
  Scan();
  const auto file = kernel_->LookupPath(".betonfs/order/random-1-0-0of2.txt");
  ASSERT_NE(file.out.nodeid, 0u);
  const std::string text = kernel_->ReadAll(file.out.nodeid).body;
  EXPECT_EQ(text.size(), file.out.attr.size);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), kMountSamples / 2);
  const auto order = *SamplingOrder::Make({OrderKind::kRandom, 1, 0, 0, 2}, kMountSamples);
  EXPECT_TRUE(text.starts_with(*tree_->PathOf(tree_->MainFile(order.At(0))) + "\n"));
  FakeStore store;  // nothing was read, and yet
  EXPECT_TRUE(kernel_->TakeStore(store, kLimit_s));
  EXPECT_EQ(pusher_->counters().plan, "random-1-0-0of2");
}

TEST_F(MountPusherTest, WhatIsNoOrderIsNotThere) {
  Start();
  for (const char* name :
       {"random-1-0", "random-1.txt", "shuffled-1-0.txt", "random-1-0-2of2.txt"}) {
    EXPECT_EQ(kernel_->LookupPath(std::string(".betonfs/order/") + name).out.nodeid, 0u) << name;
  }
}

TEST_F(MountPusherTest, AUsersListArms) {
  Start();
  Scan();
  EXPECT_TRUE(pusher_->ArmList({5, 3, 600, 5}));
  FakeStore store;
  EXPECT_TRUE(kernel_->TakeStore(store, kLimit_s));
  EXPECT_FALSE(pusher_->ArmList({5, kMountSamples}));
}

TEST_F(MountPusherTest, OffStoresNothing) {
  Start(PushMode::kOff);
  Scan();
  kernel_->Read(InoOf(100), 0, 4096);
  pusher_->Stop();
  FakeStore store;
  EXPECT_FALSE(kernel_->TakeStore(store, 0));
  EXPECT_EQ(pusher_->counters().off_reason, "push=off");
}

// Readers, a scanner and a kernel that evicts and forgets, all at once, while the pusher pushes and
// is stopped in the middle: every byte read or stored is the right one.
TEST_F(MountPusherTest, EveryByteIsRightWhateverHappensAtOnce) {
  Start(PushMode::kPage);
  Scan();
  ReadHeard(0);
  FakeStore first;  // so that there is something to stop
  ASSERT_TRUE(kernel_->TakeStore(first, kLimit_s));
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) {
    threads.emplace_back([this, t, &wrong] {
      std::mt19937 random(t);
      for (int i = 0; i < 700; ++i) {
        const uint64_t sample = random() % kMountSamples;
        wrong += kernel_->Read(InoOf(sample), 0, 4096).body != LineOf(sample);
        if (i % 7 == 0) kernel_->Forget(InoOf(random() % kMountSamples), 1);
        if (i % 50 == 0) kernel_->AnswerStoresWith(i % 100 == 0 ? ENOENT : 0);
      }
    });
  }
  threads.emplace_back([this, &done] {
    while (!done) Scan();
  });
  threads.emplace_back([this, &done, &wrong] {
    FakeStore store;
    while (!done) {
      if (!kernel_->TakeStore(store, 0.01)) continue;
      wrong += store.data != LineOf(Number(Ino(store.ino).sample()));
    }
  });
  for (int i = 0; i < 3; ++i) threads[static_cast<size_t>(i)].join();
  pusher_->Stop();  // requests still come
  kernel_->Read(InoOf(0), 0, 4096);
  done = true;
  threads[3].join();
  threads[4].join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace betonfs
