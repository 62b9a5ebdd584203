#include "fs/sigbus_guard.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <mutex>

namespace betonfs {
namespace sigbus {

struct Mapping {
  uintptr_t begin = 0;  // 0: not in use
  uintptr_t end = 0;
  int fd = -1;
  std::string path;
  // The hull of the pages that hold zeros; empty if begin >= end.
  uintptr_t zeros_begin = UINTPTR_MAX;
  uintptr_t zeros_end = 0;
  Mapping* next = nullptr;
};

std::atomic<uint64_t> num_lost_pages{0};
std::atomic<bool> zeros_in_place{false};
thread_local uint64_t own_lost_pages = 0;
thread_local int own_depth = 0;

namespace {

thread_local const Mapping* lost_mapping = nullptr;
thread_local uint64_t lost_offset = 0;

// Guards the list and all that hangs on it.  The handler may take it: a thread that holds it
// touches no mapping, so it cannot be the one that the handler interrupts.
class SpinLock {
 public:
  void lock() {
    while (flag_.test_and_set(std::memory_order_acquire)) sched_yield();
  }
  void unlock() { flag_.clear(std::memory_order_release); }

 private:
  std::atomic_flag flag_ = ATOMIC_FLAG_INIT;
};

SpinLock list_lock;
Mapping* list_head = nullptr;  // nodes are never freed, only used again
struct sigaction previous_action;
uintptr_t page_size_bytes = 0;

Mapping* MappingOf(uintptr_t address) {
  for (Mapping* m = list_head; m != nullptr; m = m->next) {
    if (address >= m->begin && address < m->end) return m;
  }
  return nullptr;
}

// Shows something else where other threads may be reading; what they read meanwhile is thrown away
// (ReadGuarded).  The system call itself, since this runs in a signal handler, where a sanitizer's
// own mmap has no place, and since ThreadSanitizer would take the change for a write that races.
bool MapOver(uintptr_t at, size_t size, int flags, int fd, uint64_t offset) {
  return syscall(SYS_mmap, at, size, PROT_READ, flags | MAP_FIXED, fd, offset) != -1;
}

// Puts zeros at the page of `address`; false if that is no business of ours.
bool ReplacePage(uintptr_t address) {
  const std::lock_guard lock(list_lock);
  Mapping* mapping = MappingOf(address);
  if (mapping == nullptr && own_depth == 0) return false;
  const uintptr_t page = address & ~(page_size_bytes - 1);
  if (mapping != nullptr) zeros_in_place.store(true);
  num_lost_pages.fetch_add(1);
  if (!MapOver(page, page_size_bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) return false;
  ++own_lost_pages;
  lost_mapping = mapping;
  if (mapping == nullptr) return true;
  mapping->zeros_begin = std::min(mapping->zeros_begin, page);
  mapping->zeros_end = std::max(mapping->zeros_end, page + page_size_bytes);
  lost_offset = page - mapping->begin;
  return true;
}

void OnSigbus(int, siginfo_t* info, void*) {
  const int saved_errno = errno;
  const bool is_fault = info->si_code == BUS_ADRERR;  // and nobody's kill(2), nor broken memory
  if (!is_fault || !ReplacePage(reinterpret_cast<uintptr_t>(info->si_addr))) {
    // Not ours: the instruction runs again and meets whoever was responsible before.
    sigaction(SIGBUS, &previous_action, nullptr);
    if (!is_fault) raise(SIGBUS);
  }
  errno = saved_errno;
}

// Shows the file again where zeros are.  The lock is held.
void Restore(Mapping& mapping) {
  if (mapping.zeros_begin >= mapping.zeros_end) return;
  void* const at = reinterpret_cast<void*>(mapping.zeros_begin);
  const size_t size = mapping.zeros_end - mapping.zeros_begin;
  if (!MapOver(mapping.zeros_begin, size, MAP_SHARED, mapping.fd,
               mapping.zeros_begin - mapping.begin)) {
    return;  // out of memory for the kernel: the zeros stay, and with them the flag
  }
  madvise(at, size, MADV_DONTDUMP);
  mapping.zeros_begin = UINTPTR_MAX;
  mapping.zeros_end = 0;
}

Mapping* UnusedNode() {
  for (Mapping* m = list_head; m != nullptr; m = m->next) {
    if (m->begin == 0) return m;
  }
  auto* added = new Mapping;
  added->next = list_head;
  list_head = added;
  return added;
}

void SetAction() {
  page_size_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action = {};
  action.sa_sigaction = OnSigbus;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous_action);
}

}  // namespace

void InstallHandler() {
  static const bool installed = (SetAction(), true);
  static_cast<void>(installed);
}

bool RestoreMappings() {
  const std::lock_guard lock(list_lock);
  bool all_restored = true;
  for (Mapping* m = list_head; m != nullptr; m = m->next) {
    if (m->begin != 0) Restore(*m);
    all_restored = all_restored && m->zeros_begin >= m->zeros_end;
  }
  zeros_in_place.store(!all_restored);
  return all_restored;
}

Error LostPageError() {
  std::string where;
  if (lost_mapping != nullptr) {
    const std::lock_guard lock(list_lock);
    where = lost_mapping->path + ": offset " + std::to_string(lost_offset) + ": ";
  }
  return Error{ErrorKind::kIo,
               where + "cannot be read (the file was cut short, or its device fails)", EIO};
}

}  // namespace sigbus

SigbusGuard::SigbusGuard(Bytes mapping, int fd, const std::string& path) : mapping_(nullptr) {
  if (mapping.empty()) return;
  sigbus::InstallHandler();
  const std::lock_guard lock(sigbus::list_lock);
  mapping_ = sigbus::UnusedNode();
  mapping_->begin = reinterpret_cast<uintptr_t>(mapping.data());
  mapping_->end = AlignUp(mapping_->begin + mapping.size(), sigbus::page_size_bytes);
  mapping_->fd = fd;
  mapping_->path = path;
}

SigbusGuard::~SigbusGuard() {
  if (mapping_ == nullptr) return;
  const std::lock_guard lock(sigbus::list_lock);
  mapping_->begin = mapping_->end = 0;
  mapping_->zeros_begin = UINTPTR_MAX;
  mapping_->zeros_end = 0;
}

}  // namespace betonfs
