// A FUSE file system that accepts every file and forgets it: how fast anything can be copied into a
// FUSE mount at all.
//
//   null_fuse MOUNTPOINT      (in the foreground; unmount it to end it)
//
// It answers what cp needs and as a staging mount would (the same caching, the same size of
// writes), and does nothing.
#include <fuse_lowlevel.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

constexpr double kForever_s = 1e9;
constexpr fuse_ino_t kDirectoryBit = fuse_ino_t{1} << 40;

std::atomic<fuse_ino_t> next_ino{2};

struct stat StatOf(fuse_ino_t ino) {
  struct stat stat {};
  const bool is_directory = ino == FUSE_ROOT_ID || (ino & kDirectoryBit) != 0;
  stat.st_ino = ino;
  stat.st_mode = is_directory ? S_IFDIR | 0755 : S_IFREG | 0644;
  stat.st_nlink = is_directory ? 2 : 1;
  return stat;
}

fuse_entry_param EntryOf(fuse_ino_t ino) {
  fuse_entry_param entry{};
  entry.ino = ino;
  entry.attr = StatOf(ino);
  entry.attr_timeout = entry.entry_timeout = kForever_s;
  return entry;
}

void Init(void*, fuse_conn_info* connection) {
  connection->want &=
      ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_HANDLE_KILLPRIV |
                             FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
  connection->want |= connection->capable & FUSE_CAP_PARALLEL_DIROPS;
  connection->max_write = 1u << 20;
}

void Lookup(fuse_req_t request, fuse_ino_t, const char*) {
  fuse_entry_param missing{};
  missing.entry_timeout = kForever_s;
  fuse_reply_entry(request, &missing);
}

void Getattr(fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
  const struct stat stat = StatOf(ino);
  fuse_reply_attr(request, &stat, kForever_s);
}

void Setattr(fuse_req_t request, fuse_ino_t ino, struct stat*, int, fuse_file_info*) {
  Getattr(request, ino, nullptr);
}

void Mkdir(fuse_req_t request, fuse_ino_t, const char*, mode_t) {
  const fuse_entry_param entry = EntryOf(next_ino++ | kDirectoryBit);
  fuse_reply_entry(request, &entry);
}

void Create(fuse_req_t request, fuse_ino_t, const char*, mode_t, fuse_file_info* file) {
  const fuse_entry_param entry = EntryOf(next_ino++);
  file->keep_cache = 1;
  fuse_reply_create(request, &entry, file);
}

void Write(fuse_req_t request, fuse_ino_t, const char*, size_t size, off_t, fuse_file_info*) {
  fuse_reply_write(request, size);
}

void Done(fuse_req_t request, fuse_ino_t, fuse_file_info*) { fuse_reply_err(request, 0); }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: null_fuse MOUNTPOINT\n");
    return 2;
  }
  fuse_lowlevel_ops ops{};
  ops.init = Init;
  ops.lookup = Lookup;
  ops.getattr = Getattr;
  ops.setattr = Setattr;
  ops.mkdir = Mkdir;
  ops.create = Create;
  ops.write = Write;
  ops.flush = Done;
  ops.release = Done;
  char program[] = "null_fuse";
  char* arguments[] = {program, nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, arguments);
  fuse_session* session = fuse_session_new(&args, &ops, sizeof ops, nullptr);
  if (!session || fuse_set_signal_handlers(session) != 0) return 1;
  if (fuse_session_mount(session, argv[1]) != 0) return 1;
  fuse_loop_config* config = fuse_loop_cfg_create();
  fuse_loop_cfg_set_clone_fd(config, 1);
  const int result = fuse_session_loop_mt(session, config);
  fuse_loop_cfg_destroy(config);
  fuse_session_unmount(session);
  fuse_remove_signal_handlers(session);
  fuse_session_destroy(session);
  return result == 0 ? 0 : 1;
}
