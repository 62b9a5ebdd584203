#include "tests/support/fake_kernel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace betonfs::test {
namespace {

constexpr auto kPatience = std::chrono::minutes(1);
constexpr int kSocketBufferBytes = 32 << 20;

template <class T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// The leading T of `body`; zeros where the body is shorter.
template <class T>
T Front(std::string_view body) {
  T value{};
  std::memcpy(&value, body.data(), std::min(sizeof value, body.size()));
  return value;
}

// A large answer is one message and must fit.  Without root the system's limit holds.
void RaiseBuffers(int fd) {
  for (int option : {SO_SNDBUFFORCE, SO_SNDBUF}) {
    if (setsockopt(fd, SOL_SOCKET, option, &kSocketBufferBytes, sizeof kSocketBufferBytes) == 0) {
      return;
    }
  }
}

// libfuse hands its callbacks the descriptor and the operations object, not the fake kernel.
std::mutex g_stores_mutex;
std::map<int, int> g_store_errors;  // by the session's descriptor

int StoreErrorOf(int fd) {
  const std::lock_guard lock(g_stores_mutex);
  const auto found = g_store_errors.find(fd);
  return found == g_store_errors.end() ? 0 : found->second;
}

}  // namespace

ssize_t FakeKernel::WriteV(int fd, iovec* parts, int count, void*) {
  const auto* header = static_cast<const fuse_out_header*>(parts[0].iov_base);
  if (header->unique == 0 && header->error == FUSE_NOTIFY_STORE) {
    if (const int error = StoreErrorOf(fd)) {
      errno = error;
      return -1;
    }
  }
  return writev(fd, parts, count);
}

ssize_t FakeKernel::ReadRequest(int fd, void* buffer, size_t size, void*) {
  const ssize_t got = recv(fd, buffer, size, 0);
  if (got != 0) return got;
  errno = ENODEV;  // what the kernel says after an unmount
  return -1;
}

FakeKernel::FakeKernel(const fuse_lowlevel_ops& ops, void* userdata) {
  int fds[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  for (int fd : fds) RaiseBuffers(fd);
  fd_ = fds[0];
  fuse_args args = FUSE_ARGS_INIT(0, nullptr);
  fuse_opt_add_arg(&args, "fake");
  session_ = fuse_session_new(&args, &ops, sizeof ops, userdata);
  fuse_opt_free_args(&args);
  const fuse_custom_io io = {WriteV, ReadRequest, nullptr, nullptr};
  EXPECT_EQ(fuse_session_custom_io(session_, &io, fds[1]), 0);
  AnswerStoresWith(0);
  receiver_ = std::thread([this] { ReceiveLoop(); });
  loop_ = std::thread([this] {
    fuse_loop_config* config = fuse_loop_cfg_create();
    fuse_loop_cfg_set_clone_fd(config, 0);
    fuse_session_loop_mt(session_, config);
    fuse_loop_cfg_destroy(config);
  });
  fuse_init_in in{};
  in.major = FUSE_KERNEL_VERSION;
  in.minor = FUSE_KERNEL_MINOR_VERSION;
  in.max_readahead = 128 * 1024;
  in.flags = ~uint32_t{0} & ~static_cast<uint32_t>(FUSE_INIT_EXT);
  init_ = Front<fuse_init_out>(Ask(FUSE_INIT, 0, BytesOf(in)).body);
}

FakeKernel::~FakeKernel() {
  shutdown(fd_, SHUT_RDWR);
  loop_.join();
  receiver_.join();
  fuse_session_destroy(session_);
  close(fd_);
}

void FakeKernel::AnswerStoresWith(int error) {
  const std::lock_guard lock(g_stores_mutex);
  g_store_errors[fuse_session_fd(session_)] = error;
}

uint64_t FakeKernel::Send(uint32_t opcode, uint64_t ino, std::string_view body) {
  fuse_in_header header{};
  header.len = static_cast<uint32_t>(sizeof header + body.size());
  header.opcode = opcode;
  header.nodeid = ino;
  header.uid = getuid();
  header.gid = getgid();
  header.pid = static_cast<uint32_t>(getpid());
  {
    const std::lock_guard lock(mutex_);
    header.unique = last_unique_ += 2;
  }
  iovec parts[] = {{&header, sizeof header}, {const_cast<char*>(body.data()), body.size()}};
  EXPECT_EQ(writev(fd_, parts, 2), static_cast<ssize_t>(header.len)) << strerror(errno);
  return header.unique;
}

void FakeKernel::Tell(uint32_t opcode, uint64_t ino, std::string_view body) {
  Send(opcode, ino, body);
}

FakeAnswer FakeKernel::Ask(uint32_t opcode, uint64_t ino, std::string_view body) {
  const uint64_t unique = Send(opcode, ino, body);
  std::unique_lock lock(mutex_);
  const bool answered =
      arrived_.wait_for(lock, kPatience, [&] { return answers_.contains(unique); });
  if (!answered) {
    ADD_FAILURE() << "no answer to opcode " << opcode << " of inode " << ino;
    return {ETIMEDOUT, {}};
  }
  FakeAnswer answer = std::move(answers_[unique]);
  answers_.erase(unique);
  return answer;
}

void FakeKernel::ReceiveLoop() {
  std::string message;
  for (;;) {
    const ssize_t size = recv(fd_, nullptr, 0, MSG_PEEK | MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    message.resize(static_cast<size_t>(size));
    if (recv(fd_, message.data(), message.size(), 0) != size) return;
    Receive(message);
  }
}

void FakeKernel::Receive(std::string_view message) {
  const auto header = Front<fuse_out_header>(message);
  EXPECT_EQ(header.len, message.size());
  message.remove_prefix(sizeof header);
  {
    const std::lock_guard lock(mutex_);
    if (header.unique != 0) {
      answers_[header.unique] = {-header.error, std::string(message)};
    } else if (header.error == FUSE_NOTIFY_STORE) {
      const auto store = Front<fuse_notify_store_out>(message);
      message.remove_prefix(sizeof store);
      EXPECT_EQ(store.size, message.size());
      stores_.push_back({store.nodeid, store.offset, std::string(message)});
    }
  }
  arrived_.notify_all();
}

bool FakeKernel::TakeStore(FakeStore& store, double limit_s) {
  std::unique_lock lock(mutex_);
  const std::chrono::duration<double> limit(limit_s);
  if (!arrived_.wait_for(lock, limit, [&] { return !stores_.empty(); })) return false;
  store = std::move(stores_.front());
  stores_.pop_front();
  return true;
}

FakeEntry FakeKernel::Lookup(uint64_t parent, std::string_view name) {
  const FakeAnswer answer = Ask(FUSE_LOOKUP, parent, std::string(name) + '\0');
  return {answer.error, Front<fuse_entry_out>(answer.body)};
}

FakeEntry FakeKernel::LookupPath(std::string_view path) {
  FakeEntry entry;
  entry.out.nodeid = FUSE_ROOT_ID;
  while (!path.empty() && entry.error == 0) {
    const size_t slash = std::min(path.find('/'), path.size());
    entry = Lookup(entry.out.nodeid, path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return entry;
}

void FakeKernel::Forget(uint64_t ino, uint64_t num_lookups) {
  Tell(FUSE_FORGET, ino, BytesOf(fuse_forget_in{num_lookups}));
}

FakeAnswer FakeKernel::Getattr(uint64_t ino, fuse_attr_out& out) {
  FakeAnswer answer = Ask(FUSE_GETATTR, ino, BytesOf(fuse_getattr_in{}));
  out = Front<fuse_attr_out>(answer.body);
  return answer;
}

FakeAnswer FakeKernel::Open(uint64_t ino) { return Ask(FUSE_OPEN, ino, BytesOf(fuse_open_in{})); }

FakeAnswer FakeKernel::Opendir(uint64_t ino) {
  return Ask(FUSE_OPENDIR, ino, BytesOf(fuse_open_in{}));
}

FakeAnswer FakeKernel::Read(uint64_t ino, uint64_t offset, uint32_t size, uint64_t handle) {
  fuse_read_in in{};
  in.fh = handle;
  in.offset = offset;
  in.size = size;
  return Ask(FUSE_READ, ino, BytesOf(in));
}

FakeAnswer FakeKernel::ReadAll(uint64_t ino, uint32_t chunk) {
  FakeAnswer all;
  for (;;) {
    const FakeAnswer part = Read(ino, all.body.size(), chunk);
    if (part.error != 0) return part;
    all.body += part.body;
    if (part.body.size() < chunk) return all;
  }
}

std::vector<FakeName> FakeKernel::Readdir(uint64_t ino, uint64_t offset, uint32_t size, int* error,
                                          uint64_t handle) {
  fuse_read_in in{};
  in.fh = handle;
  in.offset = offset;
  in.size = size;
  const FakeAnswer answer = Ask(FUSE_READDIR, ino, BytesOf(in));
  if (error) *error = answer.error;
  std::vector<FakeName> names;
  for (std::string_view rest = answer.body; !rest.empty();) {
    const auto dirent = Front<fuse_dirent>(rest);
    names.push_back({std::string(rest.substr(FUSE_NAME_OFFSET, dirent.namelen)),
                     dirent.ino,
                     dirent.off,
                     dirent.type,
                     {}});
    rest.remove_prefix(std::min(rest.size(), FUSE_DIRENT_SIZE(&dirent)));
  }
  return names;
}

std::vector<FakeName> FakeKernel::Readdirplus(uint64_t ino, uint64_t offset, uint32_t size,
                                              int* error, uint64_t handle) {
  fuse_read_in in{};
  in.fh = handle;
  in.offset = offset;
  in.size = size;
  const FakeAnswer answer = Ask(FUSE_READDIRPLUS, ino, BytesOf(in));
  if (error) *error = answer.error;
  std::vector<FakeName> names;
  for (std::string_view rest = answer.body; !rest.empty();) {
    const auto direntplus = Front<fuse_direntplus>(rest);
    const fuse_dirent& dirent = direntplus.dirent;
    names.push_back({std::string(rest.substr(FUSE_NAME_OFFSET_DIRENTPLUS, dirent.namelen)),
                     dirent.ino, dirent.off, dirent.type, direntplus.entry_out});
    rest.remove_prefix(std::min(rest.size(), FUSE_DIRENTPLUS_SIZE(&direntplus)));
  }
  return names;
}

std::vector<FakeName> FakeKernel::List(uint64_t ino, uint32_t size) {
  std::vector<FakeName> all;
  uint64_t offset = 0;
  for (;;) {
    const std::vector<FakeName> some = Readdirplus(ino, offset, size);
    if (some.empty()) return all;
    all.insert(all.end(), some.begin(), some.end());
    offset = some.back().next_offset;
  }
}

FakeAnswer FakeKernel::Getxattr(uint64_t ino, std::string_view name, uint32_t size) {
  fuse_getxattr_in in{};
  in.size = size;
  return Ask(FUSE_GETXATTR, ino, std::string(BytesOf(in)) + std::string(name) + '\0');
}

FakeAnswer FakeKernel::Readlink(uint64_t ino) { return Ask(FUSE_READLINK, ino, {}); }

}  // namespace betonfs::test
