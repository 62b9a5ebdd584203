// The read-only mount as the kernel sees it.
#include "fs/read_ops.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "tests/support/beton_builder.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::FakeEntry;
using test::FakeKernel;
using test::FakeName;

class CountingObserver : public ReadObserver {
 public:
  void OnRead(Ino, Extent) override { ++reads; }
  void OnReadAnswered(Ino, Extent) override { ++answered; }
  void OnListed(Ino) override { ++listed; }
  void OnLookup(Ino) override { ++looked_up; }
  void OnForgotten(Ino) override { ++forgotten; }

  std::atomic<int> reads{0}, answered{0}, listed{0}, looked_up{0}, forgotten{0};
};

// A file on disk and everything a mount of it needs but the kernel.
class Mounted {
 public:
  explicit Mounted(const std::string& beton, const TreeOptions& options = {}) {
    const std::string path = dir_.Write("test.beton", beton);
    shards_ = std::move(*Shards::Open({path}));
    tree_ = std::move(*Tree::Make(*shards_, options));
    control_ = std::make_unique<ControlFiles>(*tree_);
    control_->AddLasting("hello", [] { return TextDocument("hello\n"); });
    control_->AddChanging("count", [this] { return TextDocument(std::to_string(++count_)); });
    ops_ = std::make_unique<ReadOps>(*tree_, *control_, &observer_, ReadOpsOptions{});
    kernel_ = std::make_unique<FakeKernel>(ReadOps::Table(), ops_.get());
  }

  FakeKernel& kernel() { return *kernel_; }
  const ReadOps& ops() const { return *ops_; }
  CountingObserver& observer() { return observer_; }
  std::string Contents(std::string_view path) {
    const FakeEntry entry = kernel_->LookupPath(path);
    return entry.error != 0 || entry.out.nodeid == 0 ? "no such file"
                                                     : kernel_->ReadAll(entry.out.nodeid).body;
  }

 private:
  test::TempDir dir_;
  int count_ = 0;
  CountingObserver observer_;
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<Tree> tree_;
  std::unique_ptr<ControlFiles> control_;
  std::unique_ptr<ReadOps> ops_;
  std::unique_ptr<FakeKernel> kernel_;
};

std::vector<std::string> Names(const std::vector<FakeName>& list) {
  std::vector<std::string> names;
  for (const FakeName& name : list) names.push_back(name.name);
  return names;
}

TreeOptions Flat() {
  TreeOptions options;
  options.kind = TreeKind::kFlat;
  return options;
}

TEST(ReadOps, AsksTheKernelForWhatMakesItFast) {
  Mounted mount(test::NamedBeton().Build());
  const uint64_t flags = mount.kernel().init_flags();
  EXPECT_TRUE(flags & FUSE_DO_READDIRPLUS);
  EXPECT_FALSE(flags & FUSE_READDIRPLUS_AUTO);
  EXPECT_TRUE(flags & FUSE_CACHE_SYMLINKS);
  EXPECT_EQ(mount.kernel().Open(FUSE_ROOT_ID).error, ENOSYS);
  EXPECT_EQ(mount.kernel().Opendir(FUSE_ROOT_ID).error, ENOSYS);
  EXPECT_EQ(mount.kernel().Ask(FUSE_FLUSH, FUSE_ROOT_ID, std::string(24, '\0')).error, ENOSYS);
}

// The numbers of these FUSE_CAP_* are those of the protocol.
TEST(ReadOps, WhatItCallsGrantedIsWhatTheKernelWasAskedFor) {
  Mounted mount(test::NamedBeton().Build());
  const uint32_t asked =
      FUSE_ASYNC_READ | FUSE_DO_READDIRPLUS | FUSE_PARALLEL_DIROPS | FUSE_CACHE_SYMLINKS;
  EXPECT_EQ(mount.ops().granted_capabilities() & asked, mount.kernel().init_flags() & asked);
}

TEST(ReadOps, NamesAndAttributesAreTheKernelsToKeep) {
  Mounted mount(
      test::BetonBuilder().Field(FieldType::kBytes, "data").Sample({test::Blob("hello")}).Build());
  const FakeEntry entry = mount.kernel().LookupPath("00000000.bin");
  ASSERT_EQ(entry.error, 0);
  EXPECT_GE(entry.out.entry_valid, 1000000u);
  EXPECT_GE(entry.out.attr_valid, 1000000u);
  EXPECT_EQ(entry.out.attr.size, 5u);
  EXPECT_EQ(entry.out.attr.blocks, 8u);
  EXPECT_EQ(entry.out.attr.mode, S_IFREG | 0444u);
  const FakeEntry missing = mount.kernel().LookupPath("00000001.bin");
  EXPECT_EQ(missing.error, 0);
  EXPECT_EQ(missing.out.nodeid, 0u);
  EXPECT_GE(missing.out.entry_valid, 1000000u);
}

TEST(ReadOps, ReadsAnyPartOfAFileAcrossHeaderAndPayload) {
  Mounted mount(test::BetonBuilder()
                    .Field(FieldType::kRgbImage, "image")
                    .Sample({test::Rgb(2, 1, "abcdef")})
                    .Build());
  const std::string whole = "P6\n2 1\n255\nabcdef";
  EXPECT_EQ(mount.Contents("00000000.ppm"), whole);
  const uint64_t ino = mount.kernel().LookupPath("00000000.ppm").out.nodeid;
  for (size_t offset = 0; offset <= whole.size() + 1; ++offset) {
    for (uint32_t size = 0; size <= whole.size() + 1; ++size) {
      const std::string want = offset < whole.size() ? whole.substr(offset, size) : "";
      EXPECT_EQ(mount.kernel().Read(ino, offset, size).body, want) << offset << " " << size;
    }
  }
}

TEST(ReadOps, ARenderedFileIsTheSameInPartsAsWhole) {
  TreeOptions options = Flat();
  options.raw_view = RawView::kBmp;
  std::string pixels(40 * 30 * 3, 'x');
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<char>(i * 7);
  test::BetonBuilder builder;
  builder.Field(FieldType::kRgbImage, "image");
  for (int i = 0; i < 6; ++i) builder.Sample({test::Rgb(40, 30, pixels)});
  Mounted mount(builder.Build(), options);
  auto& kernel = mount.kernel();
  for (int i = 0; i < 6; ++i) {
    const auto entry = kernel.LookupPath("0000000" + std::to_string(i) + ".bmp").out;
    const std::string whole = kernel.Read(entry.nodeid, 0, 1 << 17).body;
    EXPECT_EQ(whole.size(), entry.attr.size);
    EXPECT_EQ(whole.substr(0, 2), "BM");
    EXPECT_EQ(kernel.ReadAll(entry.nodeid, 999).body, whole);
  }
}

TEST(ReadOps, ListsADirectoryInPartsWithAttributes) {
  test::BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data");
  for (int i = 0; i < 100; ++i) builder.Sample({test::Blob(std::string(size_t(i), 'x'))});
  Mounted mount(builder.Build());
  const std::vector<FakeName> list = mount.kernel().List(FUSE_ROOT_ID, 1024);
  ASSERT_EQ(list.size(), 102u);
  EXPECT_EQ(list[0].name, ".");
  EXPECT_EQ(list[1].name, "..");
  for (size_t i = 0; i < 100; ++i) {
    const FakeName& name = list[i + 2];
    EXPECT_EQ(name.entry.attr.size, i);
    EXPECT_EQ(name.entry.nodeid, mount.kernel().LookupPath(name.name).out.nodeid);
    EXPECT_EQ(name.type, static_cast<unsigned>(DT_REG));
  }
}

TEST(ReadOps, StoredNamesAreServedAsTheyAre) {
  Mounted mount(test::NamedBeton()
                    .Paths({"cat/a b.jpg", "cat/n\nl.jpg", "dog/\xC3\xA9.jpg", "dog/x/y/z.jpg"})
                    .Build());
  EXPECT_EQ(Names(mount.kernel().List(FUSE_ROOT_ID)),
            (std::vector<std::string>{".", "..", "cat", "dog"}));
  const uint64_t cat = mount.kernel().LookupPath("cat").out.nodeid;
  EXPECT_EQ(Names(mount.kernel().List(cat)),
            (std::vector<std::string>{".", "..", "a b.jpg", "n\nl.jpg"}));
  EXPECT_NE(mount.kernel().LookupPath("dog/x/y/z.jpg").out.nodeid, 0u);
  EXPECT_EQ(mount.kernel().LookupPath("dog/x/y/q.jpg").out.nodeid, 0u);
}

TEST(ReadOps, TellsTheObserverWhatTheKernelKnowsAndReads) {
  Mounted mount(test::NamedBeton().Build(), Flat());
  const auto list = mount.kernel().List(FUSE_ROOT_ID);
  mount.kernel().Read(list[2].entry.nodeid, 0, 100);
  EXPECT_EQ(mount.observer().reads, 1);               // told before the answer
  mount.kernel().Read(list[2].entry.nodeid, 1, 100);  // the start of a file tells enough
  EXPECT_EQ(mount.observer().reads, 1);
  mount.kernel().LookupPath(list[2].name);
  mount.kernel().Forget(list[2].entry.nodeid, 1);
  while (mount.observer().forgotten < 1) std::this_thread::yield();
  while (mount.observer().looked_up < 1) std::this_thread::yield();
  while (mount.observer().listed < 4) std::this_thread::yield();  // told after the answer
  EXPECT_EQ(mount.observer().listed, 4);
}

TEST(ReadOps, OneBadSampleFailsAlone) {
  std::string beton = test::BetonBuilder()
                          .Field(FieldType::kBytes, "data")
                          .Sample({test::Blob("good")})
                          .Sample({test::Blob("bad")})
                          .Sample({test::Blob("fine")})
                          .Build();
  const uint64_t rows = sizeof(RawHeader) + sizeof(RawFieldDescriptor);
  test::Poke(beton, rows + sizeof(RawBytesCell), u64le(uint64_t{1} << 60));
  Mounted mount(beton);
  EXPECT_EQ(mount.Contents("00000000.bin"), "good");
  EXPECT_EQ(mount.Contents("00000002.bin"), "fine");
  EXPECT_EQ(mount.kernel().LookupPath("00000001.bin").error, EIO);
  EXPECT_EQ(mount.kernel().Read(Ino::File(SampleIndex{1}, 0).value(), 0, 10).error, EIO);
  EXPECT_EQ(mount.kernel().List(FUSE_ROOT_ID).size(), 5u);  // it is listed
}

TEST(ReadOps, InodesThatWereNeverGivenOutAreRefused) {
  Mounted mount(test::NamedBeton().Build());
  for (const uint64_t ino : {uint64_t{0}, uint64_t{7}, Ino::File(SampleIndex{4}, 0).value(),
                             Ino::File(SampleIndex{0}, 9).value(), Ino::Directory(77).value(),
                             Ino::Control(9).value(), ~uint64_t{0}}) {
    fuse_attr_out attr;
    EXPECT_NE(mount.kernel().Getattr(ino, attr).error, 0) << ino;
    EXPECT_NE(mount.kernel().Read(ino, 0, 10).error, 0) << ino;
    int error = 0;
    mount.kernel().Readdirplus(ino, 0, 4096, &error);
    EXPECT_NE(error, 0) << ino;
  }
}

TEST(ReadOps, ChangesAreRefusedEvenIfTheKernelLetsThemThrough) {
  Mounted mount(test::NamedBeton().Build());
  EXPECT_EQ(mount.kernel().Ask(FUSE_UNLINK, FUSE_ROOT_ID, std::string("cat\0", 4)).error, EROFS);
  EXPECT_EQ(mount.kernel().Ask(FUSE_RMDIR, FUSE_ROOT_ID, std::string("cat\0", 4)).error, EROFS);
}

TEST(ReadOps, AttributesTellWhereTheBytesLie) {
  const std::string beton = test::NamedBeton().Build();
  Mounted mount(beton, Flat());
  auto& kernel = mount.kernel();
  const uint64_t ino = kernel.LookupPath("00000002.jpg").out.nodeid;
  EXPECT_EQ(kernel.Getxattr(ino, "user.betonfs.sample", 100).body, "2");
  const uint64_t offset = std::stoull(kernel.Getxattr(ino, "user.betonfs.offset", 100).body);
  const uint64_t size = std::stoull(kernel.Getxattr(ino, "user.betonfs.size", 100).body);
  EXPECT_EQ(beton.substr(offset, size), kernel.ReadAll(ino).body);
  EXPECT_EQ(kernel.Getxattr(ino, "user.betonfs.mode", 100).body, "jpg");
  EXPECT_EQ(kernel.Getxattr(ino, "user.betonfs.xxh3", 100).body.size(), 16u);
  EXPECT_EQ(kernel.Getxattr(ino, "user.betonfs.nothing", 100).error, ENODATA);
  EXPECT_EQ(kernel.Getxattr(ino, "user.betonfs.mode", 1).error, ERANGE);
  EXPECT_EQ(kernel.Getxattr(ino, "security.selinux", 100).error, EOPNOTSUPP);
}

TEST(ControlFiles, AreReachableByNameAndNotListed) {
  Mounted mount(test::NamedBeton().Build());
  for (const std::string& name : Names(mount.kernel().List(FUSE_ROOT_ID))) {
    EXPECT_NE(name, ".betonfs");
  }
  EXPECT_EQ(mount.Contents(".betonfs/hello"), "hello\n");
  EXPECT_EQ(mount.kernel().LookupPath(".betonfs/nothing").out.nodeid, 0u);
}

TEST(ControlFiles, AChangingDocumentStaysAsItsReaderFoundIt) {
  Mounted mount(test::NamedBeton().Build());
  auto& kernel = mount.kernel();
  const FakeEntry first = kernel.LookupPath(".betonfs/count");
  const FakeEntry second = kernel.LookupPath(".betonfs/count");
  EXPECT_EQ(first.out.entry_valid, 0u);
  EXPECT_EQ(kernel.ReadAll(first.out.nodeid).body, "1");
  EXPECT_EQ(kernel.ReadAll(second.out.nodeid).body, "2");
  kernel.Forget(first.out.nodeid, 1);
  while (kernel.Read(first.out.nodeid, 0, 10).error == 0) std::this_thread::yield();
  EXPECT_EQ(kernel.ReadAll(second.out.nodeid).body, "2");
}

TEST(ControlFiles, ByIndexLinksLeadToTheSamples) {
  Mounted mount(
      test::NamedBeton().Paths({"cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg"}).Build());
  const FakeEntry link = mount.kernel().LookupPath(".betonfs/by-index/2");
  EXPECT_EQ(link.out.attr.mode & S_IFMT, static_cast<unsigned>(S_IFLNK));
  EXPECT_EQ(mount.kernel().Readlink(link.out.nodeid).body, "../../dog/1.jpg");
  EXPECT_EQ(link.out.attr.size, 15u);
  for (const char* name : {"4", "02", "-1", "+1", "x", "99999999999999999999"}) {
    EXPECT_EQ(mount.kernel().LookupPath(std::string(".betonfs/by-index/") + name).out.nodeid, 0u)
        << name;
  }
}

}  // namespace
}  // namespace betonfs
