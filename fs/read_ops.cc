#include "fs/read_ops.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "fs/error_map.h"
#include "fs/log.h"
#include "fs/op.h"
#include "fs/xattrs.h"

namespace betonfs {
namespace {

constexpr uint32_t kBlockSizeBytes = 4096;
constexpr int kParallelDiropsVersion = FUSE_MAKE_VERSION(3, 16);  // of libfuse
constexpr uint64_t kNumDotEntries = 2;  // "." and ".." come before the tree's own

void Refuse(Reply reply, const char* op, Ino ino, const Error& error, uint64_t offset = 0,
            uint64_t size = 0) {
  const int sys_errno = ErrnoOf(error);
  std::move(reply).Err(sys_errno);
  LogFailedRequest({op, ino.value(), sys_errno, offset, size}, error.message);
}

// Whatever would change something: the mount is "ro", but may be remounted "rw".
template <class... Args>
void RefuseChange(fuse_req_t request, Args...) {
  Reply(request).Err(EROFS);
}

// The part of `bytes` that [offset, offset + size) covers.
Bytes Cut(Bytes bytes, uint64_t offset, uint64_t size) {
  if (offset >= bytes.size()) return {};
  return bytes.subspan(offset, std::min<uint64_t>(size, bytes.size() - offset));
}

}  // namespace

// The buffer of one READDIR or READDIRPLUS.
class ReadOps::DirectoryReply {
 public:
  DirectoryReply(const ReadOps& ops, fuse_req_t request, size_t size, bool plus)
      : ops_(ops),
        request_(request),
        buffer_(std::make_unique_for_overwrite<char[]>(size)),
        size_(size),
        plus_(plus) {}

  // False when there is no room left.
  bool Add(std::string_view name, Ino ino, uint64_t next_offset) {
    std::array<char, 512> text;
    text[name.copy(text.data(), text.size() - 1)] = '\0';
    char* out = buffer_.get() + used_;
    const size_t room = size_ - used_;
    const auto offset = static_cast<off_t>(next_offset);
    size_t needed = 0;
    fuse_entry_param entry = DescribedEntry(name, ino);
    if (plus_) {
      needed = fuse_add_direntry_plus(request_, out, room, text.data(), &entry, offset);
    } else {
      needed = fuse_add_direntry(request_, out, room, text.data(), &entry.attr, offset);
    }
    if (needed > room) return false;
    used_ += needed;
    if (entry.ino != 0 && ino.is_file()) known_.push_back(ino);
    return true;
  }

  Bytes bytes() const { return AsBytes({buffer_.get(), used_}); }
  // What the kernel learns by this reply.
  const std::vector<Ino>& known() const { return known_; }

 private:
  // Without inode, which makes the kernel ask when it needs to: for "." and "..", which it does
  // not take, for control files, whose sizes may be costly, and for what is damaged.
  fuse_entry_param DescribedEntry(std::string_view name, Ino ino) const {
    fuse_entry_param entry{};
    const bool dots = name == "." || name == "..";
    if (plus_ && !dots && !ino.is_control()) {
      if (const auto attributes = ops_.AttributesOf(ino)) return ops_.EntryOf(ino, *attributes);
    }
    entry.attr.st_ino = ino.value();
    entry.attr.st_mode = ino.is_file() ? S_IFREG : ino.is_control() ? 0 : S_IFDIR;
    return entry;
  }

  const ReadOps& ops_;
  fuse_req_t request_;
  std::unique_ptr<char[]> buffer_;
  size_t size_;
  size_t used_ = 0;
  bool plus_;
  std::vector<Ino> known_;
};

ReadOps::ReadOps(const Tree& tree, ControlFiles& control, ReadObserver* observer,
                 const ReadOpsOptions& options)
    : tree_(tree),
      control_(control),
      observer_(observer),
      options_(options),
      uid_(getuid()),
      gid_(getgid()) {}

fuse_lowlevel_ops ReadOps::Table() {
  fuse_lowlevel_ops table{};
  table.init = InitOp<&ReadOps::Init>::Call;
  table.lookup = Op<&ReadOps::Lookup, OpKind::kLookup>::Call;
  table.forget = Op<&ReadOps::Forget, OpKind::kForget>::Call;
  table.forget_multi = Op<&ReadOps::ForgetMulti, OpKind::kForget>::Call;
  table.getattr = Op<&ReadOps::Getattr, OpKind::kGetattr>::Call;
  table.readlink = Op<&ReadOps::Readlink, OpKind::kReadlink>::Call;
  table.open = Op<&ReadOps::Open, OpKind::kOpen>::Call;
  table.opendir = Op<&ReadOps::Opendir, OpKind::kOpen>::Call;
  table.read = Op<&ReadOps::Read, OpKind::kRead>::Call;
  table.readdir = Op<&ReadOps::Readdir, OpKind::kReaddir>::Call;
  table.readdirplus = Op<&ReadOps::Readdirplus, OpKind::kReaddirplus>::Call;
  table.statfs = Op<&ReadOps::Statfs, OpKind::kStatfs>::Call;
  table.getxattr = Op<&ReadOps::Getxattr, OpKind::kGetxattr>::Call;
  table.ioctl = Op<&ReadOps::Ioctl, OpKind::kIoctl>::Call;
  table.listxattr = Op<&ReadOps::Listxattr>::Call;
  // `flush` stays unset, which stops the kernel from asking again; `access` too, since the kernel
  // checks permissions itself (default_permissions).
  table.setattr = RefuseChange;
  table.mknod = RefuseChange;
  table.mkdir = RefuseChange;
  table.unlink = RefuseChange;
  table.rmdir = RefuseChange;
  table.symlink = RefuseChange;
  table.rename = RefuseChange;
  table.link = RefuseChange;
  table.write = RefuseChange;
  table.create = RefuseChange;
  table.setxattr = RefuseChange;
  table.removexattr = RefuseChange;
  table.fallocate = RefuseChange;
  return table;
}

void ReadOps::Init(fuse_conn_info& connection) {
  unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT |
                    FUSE_CAP_READDIRPLUS | FUSE_CAP_CACHE_SYMLINKS;
  // What libfuse does not pass on, the kernel never grants, whatever it offers.
  if (fuse_version() >= kParallelDiropsVersion) wanted |= FUSE_CAP_PARALLEL_DIROPS;
  granted_capabilities_ = wanted & connection.capable;
  // Nothing else: no READDIRPLUS_AUTO, which would fall back to one LOOKUP per file, no
  // AUTO_INVAL_DATA, since nothing changes, and no splice, which was measured no better.
  connection.want = granted_capabilities_;
  connection.max_read = options_.max_read_bytes;
  connection.max_background = 64;
  connection.congestion_threshold = 48;
}

struct stat ReadOps::StatOf(Ino ino, const Attributes& attributes) const {
  struct stat st {};
  st.st_ino = ino.value();
  st.st_mode = attributes.mode;
  st.st_nlink = 1;  // of a directory: "how many subdirectories is not told", as on btrfs
  st.st_uid = uid_;
  st.st_gid = gid_;
  st.st_size = static_cast<off_t>(attributes.size_bytes);
  st.st_blksize = kBlockSizeBytes;
  // Whole blocks that cover the size, or tools take the file for a sparse one.
  st.st_blocks = static_cast<blkcnt_t>(AlignUp(attributes.size_bytes, kBlockSizeBytes) / 512);
  st.st_mtim = {attributes.mtime_s, attributes.mtime_ns};
  st.st_atim = st.st_ctim = st.st_mtim;
  return st;
}

fuse_entry_param ReadOps::EntryOf(Ino ino, const Attributes& attributes) const {
  fuse_entry_param entry{};
  entry.ino = ino.value();
  entry.attr = StatOf(ino, attributes);
  entry.attr_timeout = kForever_s;
  entry.entry_timeout = kForever_s;
  return entry;
}

Result<Attributes> ReadOps::AttributesOf(Ino ino) const {
  return ino.is_control() ? control_.AttributesOf(ino) : tree_.AttributesOf(ino);
}

Result<Ino> ReadOps::ParentOf(Ino directory) const {
  if (directory == ControlFiles::Directory()) return Ino::Root();
  if (directory.is_control()) return ControlFiles::Directory();
  return tree_.ParentOf(directory);
}

void ReadOps::Lookup(Reply reply, fuse_ino_t parent, const char* name) {
  const Ino directory(parent);
  if (directory.is_control()) return LookupControl(std::move(reply), directory, name);
  if (directory == Ino::Root() && std::strcmp(name, kControlDirectory) == 0) {
    const Ino ino = ControlFiles::Directory();
    const auto attributes = control_.AttributesOf(ino);
    if (!attributes) return Refuse(std::move(reply), "lookup", ino, attributes.error());
    return std::move(reply).Entry(EntryOf(ino, *attributes));
  }
  const auto found = tree_.Lookup(directory, name);
  if (!found) return Refuse(std::move(reply), "lookup", directory, found.error());
  if (!*found) return std::move(reply).NoEntry(kForever_s);
  const Ino ino = **found;
  const auto attributes = tree_.AttributesOf(ino);
  if (!attributes) return Refuse(std::move(reply), "lookup", ino, attributes.error());
  std::move(reply).Entry(EntryOf(ino, *attributes));
  if (observer_ && ino.is_file()) observer_->OnLookup(ino);
}

void ReadOps::LookupControl(Reply reply, Ino directory, std::string_view name) {
  const auto found = control_.Lookup(directory, name);
  if (!found) return Refuse(std::move(reply), "lookup", directory, found.error());
  if (!*found) return std::move(reply).NoEntry(0);
  fuse_entry_param entry = EntryOf((*found)->ino, (*found)->attributes);
  // A changing document is looked up anew each time; what one inode shows never changes.
  if (!(*found)->lasting) entry.entry_timeout = 0;
  std::move(reply).Entry(entry);
}

void ReadOps::ForgetOne(Ino ino, uint64_t num_lookups) {
  if (ino.is_control()) {
    control_.Forget(ino, num_lookups);
  } else if (observer_ && ino.is_file()) {
    observer_->OnForgotten(ino);
  }
}

void ReadOps::Forget(Reply reply, fuse_ino_t ino, uint64_t num_lookups) {
  std::move(reply).None();
  ForgetOne(Ino(ino), num_lookups);
}

void ReadOps::ForgetMulti(Reply reply, size_t count, fuse_forget_data* forgets) {
  for (size_t i = 0; i < count; ++i) ForgetOne(Ino(forgets[i].ino), forgets[i].nlookup);
  std::move(reply).None();
}

void ReadOps::Getattr(Reply reply, fuse_ino_t number, fuse_file_info*) {
  const Ino ino(number);
  const auto attributes = AttributesOf(ino);
  if (!attributes) return Refuse(std::move(reply), "getattr", ino, attributes.error());
  std::move(reply).Attr(StatOf(ino, *attributes), kForever_s);
}

void ReadOps::Readlink(Reply reply, fuse_ino_t number) {
  const Ino ino(number);
  if (!ino.is_control()) return std::move(reply).Err(EINVAL);
  const auto target = control_.Readlink(ino);
  if (!target) return Refuse(std::move(reply), "readlink", ino, target.error());
  std::move(reply).Link(target->c_str());
}

void ReadOps::Open(Reply reply, fuse_ino_t, fuse_file_info*) { std::move(reply).Err(ENOSYS); }

void ReadOps::Opendir(Reply reply, fuse_ino_t, fuse_file_info*) { std::move(reply).Err(ENOSYS); }

void ReadOps::Read(Reply reply, fuse_ino_t number, size_t size, off_t start, fuse_file_info*) {
  const Ino ino(number);
  const auto offset = static_cast<uint64_t>(start);
  if (ino.is_control()) return ReadControl(std::move(reply), ino, size, offset);
  if (const auto kept = rendered_.Find(ino)) {
    return Send(std::move(reply), ino, *kept, size, offset);
  }
  auto contents = tree_.Contents(ino);
  if (!contents) return Refuse(std::move(reply), "read", ino, contents.error(), offset, size);
  if (!contents->is_rendered() || contents->size_bytes() <= size) {
    return Send(std::move(reply), ino, *contents, size, offset);
  }
  const auto kept = std::make_shared<const FileContents>(std::move(*contents));
  rendered_.Keep(ino, kept);
  Send(std::move(reply), ino, *kept, size, offset);
}

void ReadOps::Send(Reply reply, Ino ino, const FileContents& contents, size_t size,
                   uint64_t offset) {
  const uint64_t header_size = contents.header().size();
  const Bytes header = Cut(contents.header(), offset, size);
  const uint64_t payload_offset = offset > header_size ? offset - header_size : 0;
  const Bytes payload = Cut(contents.payload(), payload_offset, size - header.size());
  const uint64_t sent = header.size() + payload.size();
  if (observer_ && offset == 0 && sent > 0) {
    observer_->OnRead(ino, {contents.payload_offset(), payload.size()});
  }
  const int error = std::move(reply).Data(header, payload);
  if (observer_ && !payload.empty()) {
    observer_->OnReadAnswered(ino, {contents.payload_offset() + payload_offset, payload.size()});
  }
  if (error == EFAULT) {
    LogFailedRequest({"read", ino.value(), EIO, offset, size}, "the dataset file became shorter");
  }
  stats_.CountBytes(OpKind::kRead, sent);
}

void ReadOps::ReadControl(Reply reply, Ino ino, size_t size, uint64_t offset) {
  const auto text = control_.Read(ino, offset, size);
  if (!text) return Refuse(std::move(reply), "read", ino, text.error(), offset, size);
  std::move(reply).Data(*text);
}

void ReadOps::ListDirectory(Reply reply, Ino directory, uint64_t offset,
                            DirectoryReply& out) const {
  if (offset == 0 && !out.Add(".", directory, 1)) return std::move(reply).Err(EINVAL);
  if (offset <= 1) {
    const auto parent = ParentOf(directory);
    if (!parent) return Refuse(std::move(reply), "readdir", directory, parent.error(), offset);
    if (!out.Add("..", *parent, kNumDotEntries)) return (void)std::move(reply).Data(out.bytes());
  }
  const uint64_t cursor = std::max(offset, kNumDotEntries) - kNumDotEntries;
  const EntrySink sink = [&out](std::string_view name, Ino ino, uint64_t next) {
    return out.Add(name, ino, next + kNumDotEntries);
  };
  const Status listed = directory.is_control() ? control_.List(directory, cursor, sink)
                                               : tree_.List(directory, cursor, sink);
  if (!listed) return Refuse(std::move(reply), "readdir", directory, listed.error(), offset);
  std::move(reply).Data(out.bytes());
  if (!observer_) return;
  for (const Ino ino : out.known()) observer_->OnListed(ino);
}

void ReadOps::Readdir(Reply reply, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  DirectoryReply out(*this, reply.request(), size, /*plus=*/false);
  ListDirectory(std::move(reply), Ino(ino), static_cast<uint64_t>(offset), out);
}

void ReadOps::Readdirplus(Reply reply, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  DirectoryReply out(*this, reply.request(), size, /*plus=*/true);
  ListDirectory(std::move(reply), Ino(ino), static_cast<uint64_t>(offset), out);
}

void ReadOps::Statfs(Reply reply, fuse_ino_t) {
  struct statvfs st {};
  st.f_bsize = st.f_frsize = kBlockSizeBytes;
  st.f_blocks = AlignUp(tree_.shards().total_size_bytes(), kBlockSizeBytes) / kBlockSizeBytes;
  st.f_files = tree_.shards().num_samples();
  st.f_namemax = kMaxNameSizeBytes;
  std::move(reply).Statfs(st);
}

void ReadOps::Getxattr(Reply reply, fuse_ino_t number, const char* name, size_t size) {
  // EOPNOTSUPP is asked once by ls -l and the like; ENODATA would be asked for every file.
  if (!std::string_view(name).starts_with("user.")) return std::move(reply).Err(EOPNOTSUPP);
  const Ino ino(number);
  const auto value = XattrOf(tree_, ino, name);
  if (!value) return Refuse(std::move(reply), "getxattr", ino, value.error());
  if (!*value) return std::move(reply).Err(ENODATA);
  if (size == 0) return std::move(reply).XattrSize((*value)->size());
  if (size < (*value)->size()) return std::move(reply).Err(ERANGE);
  std::move(reply).Data(**value);
}

void ReadOps::Ioctl(Reply reply, fuse_ino_t number, unsigned command, void*, fuse_file_info*,
                    unsigned, const void* in, size_t in_size, size_t) const {
  const Ino ino(number);
  if (!options_.ioctl || !ino.is_control()) return std::move(reply).Err(ENOTTY);
  const Status done = options_.ioctl(command, {static_cast<const std::byte*>(in), in_size});
  if (!done) return Refuse(std::move(reply), "ioctl", ino, done.error());
  std::move(reply).Ioctl(0, {});
}

// None: what can be read is not listed.  (ENOSYS would stop the kernel from asking, but tools take
// it for a file system that cannot have attributes.)
void ReadOps::Listxattr(Reply reply, fuse_ino_t, size_t size) {
  if (size == 0) return std::move(reply).XattrSize(0);
  std::move(reply).Data(Bytes());
}

}  // namespace betonfs
