#include "fs/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "core/file.h"
#include "core/result.h"

namespace betonfs {
namespace {

// Sanitizers start processes, open files and trace threads of their own.  There the filter is off
// and what they read and write is allowed; Landlock and the rest stay.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitizers = true;
#else
constexpr bool kSanitizers = false;
#endif

// ---- Landlock.  The kernel's interface is younger than Debian's headers.

struct LandlockRuleset {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;  // since ABI 4
  uint64_t scoped;              // since ABI 6
};
constexpr uint64_t kTruncate = 1u << 14;               // since ABI 3
constexpr uint64_t kRefer = LANDLOCK_ACCESS_FS_REFER;  // since ABI 2
constexpr uint64_t kBindAndConnectTcp = 3;
constexpr uint64_t kAbstractSocketsAndSignals = 3;

constexpr uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr uint64_t kRead = kReadFile | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr uint64_t kChangeTree = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG;
// Sockets, links, fifos and device nodes are made by no daemon of ours.
constexpr uint64_t kAllOfAbi1 = (1u << 13) - 1;
constexpr uint64_t kRightsOfFiles = kReadFile | kWriteFile | kTruncate | LANDLOCK_ACCESS_FS_EXECUTE;

// Which rights the running kernel can take away, or why none.
Result<LandlockRuleset> RulesetOfKernel() {
  const long abi =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 0) return FailErrno("Landlock", errno);
  LandlockRuleset ruleset{kAllOfAbi1, 0, 0};
  if (abi >= 2) ruleset.handled_access_fs |= kRefer;
  if (abi >= 3) ruleset.handled_access_fs |= kTruncate;
  if (abi >= 4) ruleset.handled_access_net = kBindAndConnectTcp;
  if (abi >= 6) ruleset.scoped = kAbstractSocketsAndSignals;
  return ruleset;
}

// A path that is not there needs no rule.
Status AllowBeneath(const UniqueFd& ruleset, const std::string& path, uint64_t rights) {
  const UniqueFd at(open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat info;
  if (!at.valid() || fstat(at.get(), &info) != 0) return {};
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(info.st_mode) ? rights : rights & kRightsOfFiles;
  rule.parent_fd = at.get();
  if (syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return FailErrno("Landlock: " + path, errno);
  }
  return {};
}

Status RestrictFiles(const SandboxOptions& options) {
  ASSIGN_OR_RETURN(const LandlockRuleset attributes, RulesetOfKernel());
  const UniqueFd ruleset(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (!ruleset.valid()) return FailErrno("Landlock", errno);
  const auto allow = [&](const std::string& path, uint64_t rights) {
    return AllowBeneath(ruleset, path, rights & attributes.handled_access_fs);
  };
  // All of /proc, since its inodes come and go: a rule for one file of it would not last.  What is
  // another process's secret there stays out of reach of a process under Landlock.
  for (const char* path : {"/proc", "/sys/fs/cgroup", "/etc/localtime", "/usr/share/zoneinfo"}) {
    RETURN_IF_ERROR(allow(path, kReadFile));
  }
  for (const char* path : {"/dev/fuse", "/dev/null"}) {
    RETURN_IF_ERROR(allow(path, kReadFile | kWriteFile));
  }
  if (kSanitizers) RETURN_IF_ERROR(allow("/", kRead));
#ifdef BETONFS_REPORT_DIR
  RETURN_IF_ERROR(allow(BETONFS_REPORT_DIR, kRead | kWriteFile | kTruncate | kChangeTree));
#endif
  for (const std::string& path : options.readable) RETURN_IF_ERROR(allow(path, kRead));
  for (const std::string& path : options.writable) {
    RETURN_IF_ERROR(allow(path, kRead | kWriteFile | kTruncate | kChangeTree | kRefer));
  }
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return FailErrno("Landlock", errno);
  }
  return {};
}

// ---- Capabilities.

Status DropCapabilities(bool keep_files_of_others) {
  constexpr uint64_t kFilesOfOthers = (1ull << CAP_DAC_OVERRIDE) | (1ull << CAP_CHOWN) |
                                      (1ull << CAP_FOWNER) | (1ull << CAP_FSETID);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> held{};
  if (syscall(SYS_capget, &header, held.data()) != 0) return FailErrno("capabilities", errno);
  const uint64_t keep = keep_files_of_others ? kFilesOfOthers : 0;
  for (size_t word = 0; word < held.size(); ++word) {
    const auto mask = static_cast<uint32_t>(keep >> (32 * word));
    held[word].effective &= mask;
    held[word].permitted &= mask;
    held[word].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, held.data()) != 0) return FailErrno("capabilities", errno);
  return {};
}

// ---- The filter of system calls.

// What glibc, libfuse, spdlog and we need to serve, with any arguments.
constexpr const char* kCallsOfReaders[] = {
    // descriptors
    "access", "close", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fcntl", "fstat",
    "fstatfs", "getdents64", "lseek", "newfstatat", "lstat", "open", "openat", "pipe2", "poll",
    "ppoll", "pread64", "preadv", "preadv2", "read", "readlink", "pselect6", "readlinkat", "readv",
    "select", "splice", "stat", "statfs", "statx", "vmsplice", "write", "writev",
    // memory
    "brk", "fadvise64", "madvise", "mincore", "mremap", "munmap", "readahead",
    // threads and signals
    "exit", "exit_group", "futex", "membarrier", "restart_syscall", "rseq", "rt_sigaction",
    "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "sched_getaffinity", "sched_setaffinity", "sched_yield", "set_robust_list", "sigaltstack",
    "tgkill", "wait4", "waitid",
    // time
    "clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time",
    // who and what this is
    "chdir", "getcpu", "getcwd", "getegid", "geteuid", "getgid", "getpid", "getppid", "getrandom",
    "getrusage", "gettid", "getuid", "sysinfo", "umask", "uname",
    // syslog; the socket itself is made below
    "connect", "getpeername", "getsockname", "recvfrom", "recvmsg", "sendmmsg", "sendmsg", "sendto",
    "shutdown"};

constexpr const char* kCallsOfWriters[] = {
    "chmod",           "copy_file_range", "fallocate", "fchmod",    "fchmodat",  "fchown",
    "fchownat",        "fdatasync",       "flock",     "fsync",     "ftruncate", "link",
    "linkat",          "mkdir",           "mkdirat",   "msync",     "pwrite64",  "pwritev",
    "pwritev2",        "rename",          "renameat",  "renameat2", "rmdir",     "sendfile",
    "sync_file_range", "syncfs",          "truncate",  "unlink",    "unlinkat",  "utimensat"};

// A forbidden call fails, as it would for want of permission.  With assertions on it ends the
// daemon, so that a call missing above does not pass the tests unnoticed.
#ifdef NDEBUG
constexpr uint32_t kForbidden = SCMP_ACT_ERRNO(EPERM);
#else
constexpr uint32_t kForbidden = SCMP_ACT_KILL_PROCESS;
#endif

class Filter {
 public:
  Filter() : context_(seccomp_init(kForbidden)) {
    if (context_ == nullptr) error_ = ENOMEM;
  }
  ~Filter() { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void Allow(std::span<const char* const> names) {
    for (const char* name : names) Add(SCMP_ACT_ALLOW, name, {});
  }
  void Allow(const char* name, scmp_arg_cmp argument) { Add(SCMP_ACT_ALLOW, name, argument); }
  void Refuse(const char* name, uint32_t error) { Add(SCMP_ACT_ERRNO(error), name, {}); }

  Status Load() {
    // A binary tree instead of a list; where the library is too old for it, a list.
    if (error_ == 0) static_cast<void>(seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2));
    if (error_ == 0) error_ = -seccomp_load(context_);
    if (error_ != 0) return FailErrno("seccomp", error_);
    return {};
  }

 private:
  void Add(uint32_t action, const char* name, std::optional<scmp_arg_cmp> argument) {
    const int call = seccomp_syscall_resolve_name(name);
    if (error_ != 0 || call == __NR_SCMP_ERROR) return;  // the library is older than the call
    error_ = argument ? -seccomp_rule_add(context_, action, call, 1, *argument)
                      : -seccomp_rule_add(context_, action, call, 0);
  }

  scmp_filter_ctx context_;
  int error_ = 0;
};

Status FilterCalls(bool writes_files) {
  constexpr unsigned long kFuseClone = _IOR(229, 0, uint32_t);  // FUSE_DEV_IOC_CLONE
  constexpr uint64_t kPrSetVma = 0x53564d41;                    // glibc names its heap with it
  Filter filter;
  filter.Allow(kCallsOfReaders);
  filter.Allow("ioctl", SCMP_A1(SCMP_CMP_EQ, kFuseClone));
  filter.Allow("ioctl", SCMP_A1(SCMP_CMP_EQ, TCGETS));  // isatty
  filter.Allow("socket", SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
  filter.Allow("prctl", SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
  filter.Allow("prctl", SCMP_A0(SCMP_CMP_EQ, kPrSetVma));
  filter.Allow("prlimit64", SCMP_A2(SCMP_CMP_EQ, 0));  // asking, not setting
  // New threads, no new processes.  glibc tries clone3 first, whose flags a filter cannot see.
  filter.Allow("clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
  filter.Refuse("clone3", ENOSYS);
  // No memory ever becomes code.
  filter.Allow("mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  filter.Allow("mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  if (writes_files) {
    filter.Allow(kCallsOfWriters);
    filter.Allow("ioctl", SCMP_A1(SCMP_CMP_EQ, FICLONE));
    filter.Allow("ioctl", SCMP_A1(SCMP_CMP_EQ, FICLONERANGE));
  }
  return filter.Load();
}

}  // namespace

std::vector<std::string> EnterSandbox(const SandboxOptions& options) {
  const bool writes_files = !options.writable.empty();
  std::vector<std::string> missing;
  const auto note = [&](const Status& status) {
    if (!status) missing.push_back(status.error().message);
  };
  const auto set = [&](int what, unsigned long value, const char* name) {
    if (prctl(what, value, 0, 0, 0) != 0) note(FailErrno(name, errno));
  };
  set(PR_SET_NO_NEW_PRIVS, 1, "no_new_privs");
  set(PR_SET_DUMPABLE, 0, "no core dumps");
  note(RestrictFiles(options));
  note(DropCapabilities(writes_files));
  if (kSanitizers) {
    missing.emplace_back("seccomp: off in a build with sanitizers");
  } else {
    note(FilterCalls(writes_files));
  }
  return missing;
}

void CloseInheritedDescriptors() { static_cast<void>(close_range(3, ~0u, 0)); }

}  // namespace betonfs
