// Everything that can disturb a push, at once, with the protocol-level kernel: every byte that is
// read or stored is compared.  Made to run under ThreadSanitizer.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "fs/control_files.h"
#include "fs/guarded_tree.h"
#include "fs/mount_pusher.h"
#include "fs/read_ops.h"
#include "tests/support/beton_builder.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::FakeKernel;
using test::FakeStore;

constexpr uint64_t kStressSamples = 640;
constexpr uint32_t kReadBytes = 64 << 10;
constexpr uint64_t kStressUnitBytes = 16 << 10;

// What a sample is stored as, and what its file then shows.
struct Kind {
  const char* name;
  FieldType field;
  std::function<test::Value(uint64_t sample)> cell;
  std::function<std::string(uint64_t sample)> contents;
};

std::string Pattern(uint64_t sample, size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('!' + (sample * 31 + i * 7) % 90);
  return bytes;
}

// Nothing in front of the payload, which a store sends straight from the mapping; ...
const Kind kBlobs{"blobs", FieldType::kBytes,
                  [](uint64_t s) { return test::Blob(Pattern(s, 100 + s % 900)); },
                  [](uint64_t s) { return Pattern(s, 100 + s % 900); }};
// ... and a header in front, so that the two are put together first.
const Kind kImages{
    "images", FieldType::kRgbImage,
    [](uint64_t s) {
      return test::Rgb(static_cast<uint16_t>(100 + s % 200), 1, Pattern(s, 3 * (100 + s % 200)));
    },
    [](uint64_t s) {
      return "P6\n" + std::to_string(100 + s % 200) + " 1\n255\n" + Pattern(s, 3 * (100 + s % 200));
    }};

class PushStressTest : public ::testing::TestWithParam<const Kind*> {
 protected:
  PushStressTest() {
    test::BetonBuilder builder;
    builder.Field(GetParam()->field, "data");
    for (uint64_t s = 0; s < kStressSamples; ++s) builder.Sample({GetParam()->cell(s)});
    path_ = dir_.Write("data.beton", builder.Build());
    shards_ = *Shards::Open({path_});
    TreeOptions tree_options;
    tree_options.kind = TreeKind::kFlat;
    tree_ = std::make_unique<GuardedTree>(*Tree::Make(*shards_, tree_options), VerifyMode::kOff);
    control_ = std::make_unique<ControlFiles>(*tree_);
    PushOptions options;
    options.mode = PushMode::kPage;
    options.max_unit_bytes = kStressUnitBytes;
    options.budget_bytes = 4 * kStressUnitBytes;  // so that the ledger has to refuse
    pusher_ = std::make_unique<MountPusher>(*tree_, options);
    control_->AddDirectory("order", [this](std::string_view name) { return pusher_->Order(name); });
    ops_ = std::make_unique<ReadOps>(*tree_, *control_, pusher_.get(), ReadOpsOptions{});
    kernel_ = std::make_unique<FakeKernel>(ReadOps::Table(), ops_.get());
    pusher_->Start(kernel_->session());
  }
  ~PushStressTest() override {
    pusher_->Stop();
    kernel_.reset();
  }

  uint64_t InoOf(uint64_t sample) const { return tree_->MainFile(SampleIndex{sample}).value(); }

  // Until `done_`: a thread that repeats `work`.
  void Repeat(std::function<void(std::mt19937&)> work) {
    const auto seed = static_cast<unsigned>(threads_.size());
    threads_.emplace_back([this, seed, work = std::move(work)] {
      std::mt19937 random(seed);
      while (!done_) work(random);
    });
  }

  void ReadOne(std::mt19937& random) {
    const uint64_t sample = random() % kStressSamples;
    const auto answer = kernel_->Read(InoOf(sample), 0, kReadBytes);
    if (answer.error == EIO && cut_) {
      ++lost_;
    } else {
      wrong_ += answer.error != 0 || answer.body != GetParam()->contents(sample);
      ++good_;
    }
  }
  void TakeOneStore() {
    FakeStore store;
    if (!kernel_->TakeStore(store, 0.01)) return;
    wrong_ += store.data != GetParam()->contents(Number(Ino(store.ino).sample()));
    ++stored_;
  }

  // Readers, a scanner, a kernel that forgets inodes and store pages that are evicted, orders that
  // are armed, stores that are refused and stores that arrive.
  void StartAll() {
    for (int i = 0; i < 3; ++i) Repeat([this](std::mt19937& random) { ReadOne(random); });
    Repeat([this](std::mt19937&) { kernel_->List(FUSE_ROOT_ID); });
    Repeat([this](std::mt19937&) { TakeOneStore(); });
    Repeat([this](std::mt19937& random) { Disturb(random); });
  }
  void Disturb(std::mt19937& random) {
    kernel_->Forget(InoOf(random() % kStressSamples), 1);
    switch (random() % 64) {
      case 0:
        posix_fadvise(shards_->all()[0].dataset->file().fd(), 0, 0, POSIX_FADV_DONTNEED);
        break;
      case 1:
        kernel_->LookupPath(".betonfs/order/random-" + std::to_string(random() % 100) + "-0.txt");
        break;
      case 2:
        EXPECT_TRUE(pusher_->ArmList({0, 5, 600, 3, 639}));
        break;
      case 3:
        kernel_->AnswerStoresWith(ENOENT);
        break;
      default:
        kernel_->AnswerStoresWith(0);
    }
  }
  void WaitFor(const std::atomic<uint64_t>& count, uint64_t enough) {
    while (count < enough && wrong_ == 0) std::this_thread::yield();
  }
  // The pusher stops while requests still come, as at an unmount.
  void EndUnderLoad() {
    const uint64_t before = good_;
    pusher_->Stop();
    WaitFor(good_, before + 100);
    done_ = true;
    for (std::thread& thread : threads_) thread.join();
    FakeStore store;
    while (kernel_->TakeStore(store, 0)) {
      wrong_ += store.data != GetParam()->contents(Number(Ino(store.ino).sample()));
    }
    EXPECT_EQ(wrong_, 0u);
  }

  test::TempDir dir_;
  std::string path_;
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<GuardedTree> tree_;
  std::unique_ptr<ControlFiles> control_;
  std::unique_ptr<MountPusher> pusher_;
  std::unique_ptr<ReadOps> ops_;
  std::unique_ptr<FakeKernel> kernel_;

  std::atomic<bool> done_{false};
  std::atomic<bool> cut_{false};
  std::atomic<uint64_t> good_{0}, lost_{0}, stored_{0}, wrong_{0};
  std::vector<std::thread> threads_;
};

TEST_P(PushStressTest, EveryByteIsRightWhateverHappensAtOnce) {
  StartAll();
  WaitFor(good_, 3000);
  WaitFor(stored_, 300);
  EndUnderLoad();
}

// What is cut off is EIO or still the right bytes; never zeros, and never a dead daemon.
TEST_P(PushStressTest, AFileThatIsCutWhileItIsPushedGivesNoWrongByte) {
  StartAll();
  WaitFor(stored_, 100);
  cut_ = true;
  const Extent pages = shards_->all()[0].dataset->pages();
  ASSERT_EQ(truncate(path_.c_str(), static_cast<off_t>(pages.offset + pages.size / 2)), 0);
  WaitFor(lost_, 300);
  // The allocation table is gone with the end of the file, and with it all that needs it.
  pusher_->Stop();
  done_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  EXPECT_EQ(wrong_, 0u);
  EXPECT_GE(lost_, 300u);
}

INSTANTIATE_TEST_SUITE_P(Samples, PushStressTest, ::testing::Values(&kBlobs, &kImages),
                         [](const auto& kind) { return std::string(kind.param->name); });

}  // namespace
}  // namespace betonfs
