// The staging mount as the kernel sees it.
#include "fs/staging_ops.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_kernel.h"
#include "tests/support/staging.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::FakeAnswer;
using test::FakeKernel;
using test::FakeName;
using test::Stage;
using test::TempDir;

constexpr uint64_t kRoot = FUSE_ROOT_ID;

// A request: its struct, then what follows it.
template <class In>
std::string Body(const In& in, std::string_view tail = {}) {
  std::string body(reinterpret_cast<const char*>(&in), sizeof in);
  return body.append(tail);
}
std::string Name(std::string_view name) { return std::string(name) + '\0'; }

// The struct at `offset` of an answer that must be a success.
template <class Out>
Out Take(const FakeAnswer& answer, size_t offset = 0) {
  Out out{};
  EXPECT_EQ(answer.error, 0);
  EXPECT_GE(answer.body.size(), offset + sizeof out);
  if (answer.body.size() >= offset + sizeof out) {
    std::memcpy(&out, answer.body.data() + offset, sizeof out);
  }
  return out;
}

class StagingOpsTest : public testing::Test {
 protected:
  struct Opened {
    uint64_t ino = 0;
    fuse_open_out out{};
  };
  Opened Create(uint64_t parent, std::string_view name) {
    fuse_create_in in{};
    in.flags = O_WRONLY | O_CREAT | O_EXCL;
    in.mode = S_IFREG | 0640;
    const FakeAnswer answer = kernel_.Ask(FUSE_CREATE, parent, Body(in, Name(name)));
    return {Take<fuse_entry_out>(answer).nodeid,
            Take<fuse_open_out>(answer, sizeof(fuse_entry_out))};
  }
  FakeAnswer Open(uint64_t ino, uint32_t flags) {
    fuse_open_in in{};
    in.flags = flags;
    return kernel_.Ask(FUSE_OPEN, ino, Body(in));
  }
  FakeAnswer Write(uint64_t ino, uint64_t handle, uint64_t offset, std::string_view bytes) {
    fuse_write_in in{};
    in.fh = handle;
    in.offset = offset;
    in.size = static_cast<uint32_t>(bytes.size());
    return kernel_.Ask(FUSE_WRITE, ino, Body(in, bytes));
  }
  int Flush(uint64_t ino, uint64_t handle) {
    fuse_flush_in in{};
    in.fh = handle;
    return kernel_.Ask(FUSE_FLUSH, ino, Body(in)).error;
  }
  int Release(uint64_t ino, uint64_t handle) {
    fuse_release_in in{};
    in.fh = handle;
    return kernel_.Ask(FUSE_RELEASE, ino, Body(in)).error;
  }
  // A whole file, as cp makes one.
  uint64_t Put(uint64_t parent, std::string_view name, std::string_view contents) {
    const Opened file = Create(parent, name);
    EXPECT_EQ(Take<fuse_write_out>(Write(file.ino, file.out.fh, 0, contents)).size,
              contents.size());
    EXPECT_EQ(Flush(file.ino, file.out.fh), 0);
    EXPECT_EQ(Release(file.ino, file.out.fh), 0);
    return file.ino;
  }
  FakeAnswer Mkdir(uint64_t parent, std::string_view name) {
    fuse_mkdir_in in{};
    in.mode = 0750;
    return kernel_.Ask(FUSE_MKDIR, parent, Body(in, Name(name)));
  }
  int Rename(std::string_view from, std::string_view to, uint32_t flags = 0) {
    fuse_rename2_in in{};
    in.newdir = kRoot;
    in.flags = flags;
    return kernel_.Ask(FUSE_RENAME2, kRoot, Body(in, Name(from) + Name(to))).error;
  }
  int Fallocate(uint64_t ino, uint32_t mode, uint64_t offset, uint64_t length) {
    fuse_fallocate_in in{};
    in.mode = mode;
    in.offset = offset;
    in.length = length;
    return kernel_.Ask(FUSE_FALLOCATE, ino, Body(in)).error;
  }
  FakeAnswer Setattr(uint64_t ino, fuse_setattr_in in) {
    return kernel_.Ask(FUSE_SETATTR, ino, Body(in));
  }
  fuse_attr AttrOf(uint64_t ino) {
    fuse_attr_out out{};
    EXPECT_EQ(kernel_.Getattr(ino, out).error, 0);
    return out.attr;
  }
  uint64_t Find(std::string_view path) { return kernel_.LookupPath(path).out.nodeid; }

  TempDir dir_;
  Stage stage_{dir_ / "out.beton"};
  StagingControl control_{stage_.area(), /*commits_on_unmount=*/false};
  StagingOps ops_{stage_.area(), control_};
  FakeKernel kernel_{StagingOps::Table(), &ops_};
};

TEST_F(StagingOpsTest, AMissingNameIsTheKernelsToKeep) {
  const auto missing = kernel_.Lookup(kRoot, "file");
  EXPECT_EQ(missing.error, 0);
  EXPECT_EQ(missing.out.nodeid, 0u);
  EXPECT_GE(missing.out.entry_valid, 1000000u);
}

TEST_F(StagingOpsTest, WritesGoThroughAndTimesAreOurs) {
  EXPECT_FALSE(kernel_.init_flags() & FUSE_WRITEBACK_CACHE);
  EXPECT_FALSE(kernel_.init_flags() & FUSE_AUTO_INVAL_DATA);
  EXPECT_TRUE(kernel_.init_flags() & FUSE_ATOMIC_O_TRUNC);
  EXPECT_EQ(kernel_.init().max_write, 1u << 20);
}

TEST_F(StagingOpsTest, AFileIsReadableWhileItIsWrittenAndSealedWhenItIsClosed) {
  const Opened file = Create(kRoot, "file");
  Write(file.ino, file.out.fh, 0, "hello ");
  Write(file.ino, file.out.fh, 6, "world");
  EXPECT_EQ(kernel_.Read(file.ino, 0, 100).body, "hello world");
  EXPECT_EQ(AttrOf(file.ino).size, 11u);
  EXPECT_EQ(Flush(file.ino, file.out.fh), 0);
  EXPECT_EQ(Release(file.ino, file.out.fh), 0);
  EXPECT_EQ(kernel_.Read(file.ino, 6, 100).body, "world");
  EXPECT_EQ(kernel_.Read(file.ino, 11, 100).body, "");
  EXPECT_EQ(AttrOf(file.ino).mode, S_IFREG | 0640u);
  EXPECT_EQ(stage_.Contents("file"), "hello world");
}

TEST_F(StagingOpsTest, ClosingWhatWasOnlyReadIsNoRoundTrip) {
  const uint64_t ino = Put(kRoot, "file", "x");
  const auto reader = Take<fuse_open_out>(Open(ino, O_RDONLY));
  EXPECT_EQ(reader.open_flags, static_cast<uint32_t>(FOPEN_KEEP_CACHE | FOPEN_NOFLUSH));
  EXPECT_EQ(Flush(ino, reader.fh), 0);
  EXPECT_EQ(Release(ino, reader.fh), 0);
  const auto writer = Take<fuse_open_out>(Open(ino, O_WRONLY));
  EXPECT_EQ(writer.open_flags, static_cast<uint32_t>(FOPEN_KEEP_CACHE));
  EXPECT_EQ(Release(ino, writer.fh), 0);
}

TEST_F(StagingOpsTest, OpeningWithTruncateEmptiesTheFileEvenForAReader) {
  const uint64_t ino = Put(kRoot, "file", "old");
  Take<fuse_open_out>(Open(ino, O_RDONLY | O_TRUNC));
  EXPECT_EQ(AttrOf(ino).size, 0u);
  const auto writer = Take<fuse_open_out>(Open(ino, O_WRONLY | O_TRUNC));
  Write(ino, writer.fh, 2, "new");
  EXPECT_EQ(Flush(ino, writer.fh), 0);
  EXPECT_EQ(kernel_.Read(ino, 0, 10).body, std::string("\0\0new", 5));
  EXPECT_EQ(Release(ino, writer.fh), 0);
}

TEST_F(StagingOpsTest, NamesComeAndGoAsOnAnyFileSystem) {
  const uint64_t sub = Take<fuse_entry_out>(Mkdir(kRoot, "sub")).nodeid;
  EXPECT_EQ(AttrOf(sub).mode, S_IFDIR | 0750u);
  const uint64_t file = Put(sub, "file", "contents");
  EXPECT_EQ(Mkdir(kRoot, "sub").error, EEXIST);
  EXPECT_EQ(kernel_.Ask(FUSE_RMDIR, kRoot, Name("sub")).error, ENOTEMPTY);

  fuse_link_in link{};
  link.oldnodeid = file;
  const auto linked = Take<fuse_entry_out>(kernel_.Ask(FUSE_LINK, kRoot, Body(link, Name("hard"))));
  EXPECT_EQ(linked.nodeid, file);
  EXPECT_EQ(linked.attr.nlink, 2u);
  const auto symlink =
      Take<fuse_entry_out>(kernel_.Ask(FUSE_SYMLINK, kRoot, Name("soft") + Name("sub/file")));
  EXPECT_EQ(kernel_.Readlink(symlink.nodeid).body, "sub/file");

  EXPECT_EQ(Rename("hard", "soft", RENAME_NOREPLACE), EEXIST);
  EXPECT_EQ(Rename("hard", "soft", RENAME_EXCHANGE), EINVAL);
  EXPECT_EQ(Rename("nothing", "soft"), ENOENT);
  EXPECT_EQ(Rename("hard", "soft"), 0);
  EXPECT_EQ(Find("soft"), file);
  EXPECT_EQ(kernel_.Ask(FUSE_UNLINK, kRoot, Name("soft")).error, 0);
  EXPECT_EQ(kernel_.Ask(FUSE_UNLINK, sub, Name("file")).error, 0);
  EXPECT_EQ(kernel_.Ask(FUSE_UNLINK, sub, Name("file")).error, ENOENT);
  EXPECT_EQ(kernel_.Read(file, 0, 100).body, "contents");  // the kernel still knows it
  EXPECT_EQ(kernel_.Ask(FUSE_RMDIR, kRoot, Name("sub")).error, 0);
  EXPECT_THAT(stage_.Everything(), testing::IsEmpty());
}

TEST_F(StagingOpsTest, NoDevicesAndPipes) {
  fuse_mknod_in in{};
  in.mode = S_IFIFO | 0600;
  EXPECT_EQ(kernel_.Ask(FUSE_MKNOD, kRoot, Body(in, Name("pipe"))).error, EPERM);
  in.mode = S_IFREG | 0600;
  EXPECT_NE(Take<fuse_entry_out>(kernel_.Ask(FUSE_MKNOD, kRoot, Body(in, Name("file")))).nodeid,
            0u);
  EXPECT_EQ(stage_.Contents("file"), "");
}

TEST_F(StagingOpsTest, ModesAndTimesAreKeptToTheNanosecondAndOwnersAreAcceptedOnly) {
  const uint64_t ino = Put(kRoot, "file", "x");
  fuse_setattr_in in{};
  in.valid = FATTR_MODE | FATTR_MTIME | FATTR_UID | FATTR_GID;
  in.mode = S_IFREG | 0604;
  in.mtime = 1'000'000'007;
  in.mtimensec = 123'456'789;
  in.uid = in.gid = 4711;
  const auto changed = Take<fuse_attr_out>(Setattr(ino, in)).attr;
  EXPECT_EQ(changed.mode, S_IFREG | 0604u);
  EXPECT_EQ(changed.mtime, 1'000'000'007u);
  EXPECT_EQ(changed.mtimensec, 123'456'789u);
  EXPECT_EQ(changed.uid, getuid());
  in = {};
  in.valid = FATTR_MTIME | FATTR_MTIME_NOW;
  EXPECT_GT(Take<fuse_attr_out>(Setattr(ino, in)).attr.mtime, 1'700'000'000u);
  in = {};
  in.valid = FATTR_SIZE;
  in.size = 5;
  EXPECT_EQ(Take<fuse_attr_out>(Setattr(ino, in)).attr.size, 5u);
  EXPECT_EQ(stage_.Contents("file"), std::string("x\0\0\0\0", 5));
  EXPECT_EQ(Setattr(kRoot, in).error, EISDIR);
}

TEST_F(StagingOpsTest, FallocateGrowsAFileAndKnowsWhatTheDiskHas) {
  const uint64_t ino = Put(kRoot, "file", "x");
  EXPECT_EQ(Fallocate(ino, 0, 2, 8), 0);
  EXPECT_EQ(AttrOf(ino).size, 10u);
  EXPECT_EQ(Fallocate(ino, FALLOC_FL_KEEP_SIZE, 0, 100), 0);
  EXPECT_EQ(Fallocate(ino, 0, 0, 5), 0);  // is there already
  EXPECT_EQ(AttrOf(ino).size, 10u);
  EXPECT_EQ(Fallocate(ino, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5), EOPNOTSUPP);
  EXPECT_EQ(Fallocate(ino, 0, 0, uint64_t{1} << 60), ENOSPC);
}

TEST_F(StagingOpsTest, RangesAreCopiedInsideTheMount) {
  const uint64_t from = Put(kRoot, "from", "0123456789");
  const Opened to = Create(kRoot, "to");
  fuse_copy_file_range_in in{};
  in.off_in = 3;
  in.nodeid_out = to.ino;
  in.fh_out = to.out.fh;
  in.len = 100;
  EXPECT_EQ(Take<fuse_write_out>(kernel_.Ask(FUSE_COPY_FILE_RANGE, from, Body(in))).size, 7u);
  in.off_in = 10;
  EXPECT_EQ(Take<fuse_write_out>(kernel_.Ask(FUSE_COPY_FILE_RANGE, from, Body(in))).size, 0u);
  EXPECT_EQ(Flush(to.ino, to.out.fh), 0);
  EXPECT_EQ(kernel_.Read(to.ino, 0, 100).body, "3456789");
  EXPECT_EQ(Release(to.ino, to.out.fh), 0);
}

TEST_F(StagingOpsTest, ADirectoryThatChangesWhileItIsReadShowsWhatStaysOnceAndNothingThatWent) {
  std::set<std::string> expected = {".", ".."};
  for (int i = 0; i < 40; ++i) {
    const std::string name = "file " + std::to_string(i);
    Put(kRoot, name, "x");
    expected.insert(name);
  }
  const uint64_t handle = Take<fuse_open_out>(kernel_.Opendir(kRoot)).fh;
  std::multiset<std::string> listed;
  const auto take = [&](const std::vector<FakeName>& names) {
    for (const FakeName& name : names) listed.insert(name.name);
    return names.empty() ? uint64_t{0} : names.back().next_offset;
  };
  uint64_t offset = take(kernel_.Readdirplus(kRoot, 0, 1024, nullptr, handle));
  ASSERT_LT(listed.size(), 30u);
  for (int i = 0; i < 40; ++i) {  // one that was not listed yet goes
    const std::string name = "file " + std::to_string(i);
    if (listed.contains(name)) continue;
    EXPECT_EQ(kernel_.Ask(FUSE_UNLINK, kRoot, Name(name)).error, 0);
    expected.erase(name);
    break;
  }
  Put(kRoot, "came later", "x");
  while (const uint64_t next = take(kernel_.Readdir(kRoot, offset, 512, nullptr, handle))) {
    offset = next;
  }
  EXPECT_LE(listed.count("came later"), 1u);  // POSIX leaves open whether it is shown
  listed.erase("came later");
  EXPECT_EQ(listed, std::multiset<std::string>(expected.begin(), expected.end()));
  EXPECT_EQ(kernel_.Ask(FUSE_RELEASEDIR, kRoot, Body(fuse_release_in{handle, 0, 0, 0})).error, 0);
}

TEST_F(StagingOpsTest, SyncsFilesAndDirectories) {
  const uint64_t ino = Put(kRoot, "file", "x");
  EXPECT_EQ(kernel_.Ask(FUSE_FSYNC, ino, Body(fuse_fsync_in{})).error, 0);
  EXPECT_EQ(kernel_.Ask(FUSE_FSYNCDIR, kRoot, Body(fuse_fsync_in{})).error, 0);
}

TEST_F(StagingOpsTest, StatfsTellsOfTheDiskBelow) {
  const auto statfs = Take<fuse_statfs_out>(kernel_.Ask(FUSE_STATFS, kRoot, {})).st;
  EXPECT_GT(statfs.blocks, 0u);
  EXPECT_EQ(statfs.namelen, 255u);
}

TEST_F(StagingOpsTest, WhatTheKernelForgotIsFreed) {
  const uint64_t ino = Put(kRoot, "file", "x");
  EXPECT_EQ(kernel_.Ask(FUSE_UNLINK, kRoot, Name("file")).error, 0);
  EXPECT_EQ(AttrOf(ino).nlink, 0u);
  kernel_.Forget(ino, 1);
  fuse_attr_out out{};
  while (kernel_.Getattr(ino, out).error == 0) std::this_thread::yield();
}

// ---- The control directory

TEST_F(StagingOpsTest, TheControlDirectoryIsReachableAndNotListed) {
  const uint64_t handle = Take<fuse_open_out>(kernel_.Opendir(kRoot)).fh;
  EXPECT_EQ(kernel_.Readdir(kRoot, 0, 4096, nullptr, handle).size(), 2u);
  kernel_.Ask(FUSE_RELEASEDIR, kRoot, Body(fuse_release_in{handle, 0, 0, 0}));

  const uint64_t control = Find(".betonfs");
  const uint64_t inside = Take<fuse_open_out>(kernel_.Opendir(control)).fh;
  std::set<std::string> names;
  for (const FakeName& name : kernel_.Readdirplus(control, 0, 4096, nullptr, inside)) {
    names.insert(name.name);
  }
  kernel_.Ask(FUSE_RELEASEDIR, control, Body(fuse_release_in{inside, 0, 0, 0}));
  EXPECT_EQ(names, (std::set<std::string>{".", "..", "commit", "pid", "status"}));
  EXPECT_EQ(kernel_.Lookup(control, "nothing").error, ENOENT);
}

TEST_F(StagingOpsTest, CommitsWhatIsStagedWhenCommitIsWrittenTo) {
  Put(kRoot, "file", "contents");
  const uint64_t commit = Find(".betonfs/commit");
  fuse_setattr_in truncate{};  // as `echo > commit` begins
  truncate.valid = FATTR_SIZE;
  EXPECT_EQ(Setattr(commit, truncate).error, 0);
  const auto nonsense = Take<fuse_open_out>(Open(commit, O_WRONLY));
  EXPECT_EQ(Write(commit, nonsense.fh, 0, "nonsense").error, EINVAL);
  EXPECT_EQ(Release(commit, nonsense.fh), 0);

  const auto writer = Take<fuse_open_out>(Open(commit, O_WRONLY));
  EXPECT_EQ(writer.open_flags, static_cast<uint32_t>(FOPEN_DIRECT_IO));
  EXPECT_EQ(Take<fuse_write_out>(Write(commit, writer.fh, 0, "\n")).size, 1u);
  EXPECT_EQ(Flush(commit, writer.fh), 0);
  EXPECT_EQ(Release(commit, writer.fh), 0);

  const auto reader = Take<fuse_open_out>(Open(commit, O_RDONLY));
  const auto report = ParseCommitDocument(kernel_.Read(commit, 0, 1 << 16, reader.fh).body);
  EXPECT_EQ(Release(commit, reader.fh), 0);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->num_samples, 1u);
  EXPECT_NE(test::ReadFile(dir_ / "out.beton").find("contents"), std::string::npos);
}

// RELEASE comes as soon as READ is answered, on another thread than the one that still answers.
TEST_F(StagingOpsTest, ControlFilesAreReadAndClosedByManyAtOnce) {
  const uint64_t pid = Find(".betonfs/pid");
  const uint64_t status = Find(".betonfs/status");
  const std::string own_pid = std::to_string(getpid());
  const auto read_again_and_again = [&] {
    for (int round = 0; round < 200; ++round) {
      for (const uint64_t file : {pid, status}) {
        const auto reader = Take<fuse_open_out>(Open(file, O_RDONLY));
        const std::string text = kernel_.Read(file, 0, 1 << 16, reader.fh).body;
        EXPECT_EQ(Release(file, reader.fh), 0);
        EXPECT_THAT(text, testing::HasSubstr(file == pid ? own_pid : "uncommitted_changes"));
      }
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) readers.emplace_back(read_again_and_again);
  for (std::thread& reader : readers) reader.join();
}

TEST_F(StagingOpsTest, NobodyPutsAnythingIntoTheControlDirectoryOrInItsPlace) {
  const uint64_t file = Put(kRoot, "file", "x");
  const uint64_t control = Find(".betonfs");
  const uint64_t status = Find(".betonfs/status");
  fuse_create_in create{};
  EXPECT_EQ(kernel_.Ask(FUSE_CREATE, control, Body(create, Name("new"))).error, EPERM);
  EXPECT_EQ(kernel_.Ask(FUSE_CREATE, kRoot, Body(create, Name(".betonfs"))).error, EISDIR);
  EXPECT_EQ(Mkdir(control, "new").error, EPERM);
  EXPECT_EQ(Mkdir(kRoot, ".betonfs").error, EEXIST);
  EXPECT_EQ(Rename("file", ".betonfs"), EPERM);
  EXPECT_EQ(Rename(".betonfs", "other"), EPERM);
  EXPECT_EQ(kernel_.Ask(FUSE_RMDIR, kRoot, Name(".betonfs")).error, EPERM);
  EXPECT_EQ(kernel_.Ask(FUSE_UNLINK, control, Name("status")).error, EPERM);
  EXPECT_EQ(kernel_.Ask(FUSE_SYMLINK, kRoot, Name(".betonfs") + Name("x")).error, EEXIST);
  EXPECT_EQ(kernel_.Ask(FUSE_SYMLINK, control, Name("new") + Name("x")).error, EPERM);
  fuse_link_in link{};
  link.oldnodeid = status;
  EXPECT_EQ(kernel_.Ask(FUSE_LINK, kRoot, Body(link, Name("new"))).error, EPERM);
  link.oldnodeid = file;
  EXPECT_EQ(kernel_.Ask(FUSE_LINK, kRoot, Body(link, Name(".betonfs"))).error, EEXIST);
  fuse_mknod_in mknod{};
  mknod.mode = S_IFREG;
  EXPECT_EQ(kernel_.Ask(FUSE_MKNOD, kRoot, Body(mknod, Name(".betonfs"))).error, EEXIST);
  fuse_setattr_in mode{};
  mode.valid = FATTR_MODE;
  EXPECT_EQ(Setattr(status, mode).error, EPERM);
  EXPECT_EQ(Fallocate(status, 0, 0, 10), EOPNOTSUPP);
  EXPECT_EQ(Write(status, 0, 0, "x").error, EACCES);
}

}  // namespace
}  // namespace betonfs
