// The kernel's end of a FUSE connection, for tests without /dev/fuse.
#pragma once

#include <fuse_lowlevel.h>
#include <linux/fuse.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace betonfs::test {

struct FakeAnswer {
  int error = 0;  // positive errno; 0 is success
  std::string body;
};

struct FakeEntry {
  int error = 0;
  fuse_entry_out out{};
};

struct FakeName {
  std::string name;
  uint64_t ino = 0;
  uint64_t next_offset = 0;
  unsigned type = 0;     // DT_REG, DT_DIR, ...
  fuse_entry_out entry;  // READDIRPLUS only; nodeid 0 where the file system gave none
};

// FUSE_NOTIFY_STORE as it arrives.
struct FakeStore {
  uint64_t ino = 0;
  uint64_t offset = 0;
  std::string data;
};

// Runs the operations in a real libfuse session whose device is one end of a SEQPACKET socket pair,
// with libfuse's own multi-threaded loop; the test holds the other end.  Any number of test threads
// may ask at the same time.  Does INIT on construction; the destructor ends loop and session.
class FakeKernel {
 public:
  // `ops` is copied; `userdata` outlives this.
  FakeKernel(const fuse_lowlevel_ops& ops, void* userdata);
  ~FakeKernel();
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  // What the file system asked for in INIT.
  const fuse_init_out& init() const { return init_; }
  uint64_t init_flags() const { return init_.flags | uint64_t{init_.flags2} << 32; }
  fuse_session* session() const { return session_; }  // for fuse_lowlevel_notify_*

  // Sends any request and waits for its answer.  Fails the test if none comes for a minute.
  FakeAnswer Ask(uint32_t opcode, uint64_t ino, std::string_view body);
  // For requests that get no answer (FORGET).
  void Tell(uint32_t opcode, uint64_t ino, std::string_view body);

  FakeEntry Lookup(uint64_t parent, std::string_view name);
  // Walks a path from the root.
  FakeEntry LookupPath(std::string_view path);
  void Forget(uint64_t ino, uint64_t num_lookups);
  FakeAnswer Getattr(uint64_t ino, fuse_attr_out& out);
  FakeAnswer Open(uint64_t ino);
  FakeAnswer Opendir(uint64_t ino);
  FakeAnswer Read(uint64_t ino, uint64_t offset, uint32_t size, uint64_t handle = 0);
  // The whole file, in reads of `chunk` bytes.
  FakeAnswer ReadAll(uint64_t ino, uint32_t chunk = 128 * 1024);
  // One READDIR or READDIRPLUS.  `handle` is what OPENDIR gave, if it is answered here.
  std::vector<FakeName> Readdir(uint64_t ino, uint64_t offset, uint32_t size, int* error = nullptr,
                                uint64_t handle = 0);
  std::vector<FakeName> Readdirplus(uint64_t ino, uint64_t offset, uint32_t size,
                                    int* error = nullptr, uint64_t handle = 0);
  // All of them, from offset 0 to the empty answer.
  std::vector<FakeName> List(uint64_t ino, uint32_t size = 4096);
  // `size` 0 asks for the size alone (getxattr_out in the body).
  FakeAnswer Getxattr(uint64_t ino, std::string_view name, uint32_t size);
  FakeAnswer Readlink(uint64_t ino);

  // The oldest store notification not yet taken; waits up to `limit_s`, false if none came.
  bool TakeStore(FakeStore& store, double limit_s);
  // What a store is answered with from now on: 0, ENOENT (the kernel does not know the inode), ...
  void AnswerStoresWith(int error);

 private:
  static ssize_t WriteV(int fd, iovec* parts, int count, void* userdata);
  static ssize_t ReadRequest(int fd, void* buffer, size_t size, void* userdata);
  uint64_t Send(uint32_t opcode, uint64_t ino, std::string_view body);
  void ReceiveLoop();
  void Receive(std::string_view message);

  int fd_ = -1;  // the kernel's end
  fuse_session* session_ = nullptr;
  fuse_init_out init_{};
  std::thread loop_;
  std::thread receiver_;

  std::mutex mutex_;
  std::condition_variable arrived_;
  uint64_t last_unique_ = 0;
  std::map<uint64_t, FakeAnswer> answers_;
  std::deque<FakeStore> stores_;
};

}  // namespace betonfs::test
