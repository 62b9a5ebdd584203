#include "fs/memory_budget.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace betonfs {
namespace {

// A made-up machine: files under a directory of its own.
class Machine {
 public:
  Machine() {
    char name[] = "/tmp/betonfs_machine_XXXXXX";
    root_ = mkdtemp(name);
    Put("/proc/meminfo", "MemTotal: 1000 kB\nMemFree: 300 kB\nMemAvailable: 800 kB\n");
  }
  ~Machine() { std::filesystem::remove_all(root_); }

  Machine& Put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
    return *this;
  }
  Machine& InVersion2(const std::string& cgroup, const std::string& mounted_root = "/") {
    Put("/proc/self/cgroup", "0::" + cgroup + "\n");
    return Put("/proc/self/mountinfo", "21 20 0:19 / /proc rw - proc proc rw\n30 20 0:26 " +
                                           mounted_root +
                                           " /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n");
  }
  MemoryState Read() const { return MemoryBudget(root_).Read(); }

 private:
  std::string root_;
};

TEST(MemoryBudget, WithoutCgroupsTheSystemDecides) {
  Machine machine;
  EXPECT_EQ(machine.Read().cache_bytes, 800u * 1024);
  EXPECT_EQ(machine.Read().free_bytes, 300u * 1024);
  EXPECT_EQ(machine.Read().bounded_by, "system");
}

TEST(MemoryBudget, Version2CountsPageCacheAsRoom) {
  Machine machine;
  machine.InVersion2("/job")
      .Put("/sys/fs/cgroup/job/memory.max", "100000\n")
      .Put("/sys/fs/cgroup/job/memory.current", "90000\n")
      .Put("/sys/fs/cgroup/job/memory.stat", "anon 40000\nactive_file 20000\ninactive_file 5000\n");
  EXPECT_EQ(machine.Read().cache_bytes, 35000u);
  EXPECT_EQ(machine.Read().free_bytes, 10000u);
  EXPECT_EQ(machine.Read().bounded_by, "/job");
}

TEST(MemoryBudget, AParentsLimitBindsToo) {
  Machine machine;
  machine.InVersion2("/slice/job")
      .Put("/sys/fs/cgroup/slice/job/memory.max", "max\n")
      .Put("/sys/fs/cgroup/slice/job/memory.current", "9000\n")
      .Put("/sys/fs/cgroup/slice/memory.max", "50000\n")
      .Put("/sys/fs/cgroup/slice/memory.current", "20000\n");
  EXPECT_EQ(machine.Read().cache_bytes, 30000u);
  EXPECT_EQ(machine.Read().bounded_by, "/slice");
}

TEST(MemoryBudget, TheHighMarkIsALimit) {
  Machine machine;
  machine.InVersion2("/job")
      .Put("/sys/fs/cgroup/job/memory.max", "max\n")
      .Put("/sys/fs/cgroup/job/memory.high", "20000\n")
      .Put("/sys/fs/cgroup/job/memory.current", "25000\n");
  EXPECT_EQ(machine.Read().free_bytes, 0u);
}

TEST(MemoryBudget, InAContainerTheMountPointIsTheContainersCgroup) {
  Machine machine;
  machine.InVersion2("/docker/abc/job", "/docker/abc")
      .Put("/sys/fs/cgroup/job/memory.max", "70000\n")
      .Put("/sys/fs/cgroup/job/memory.current", "10000\n");
  EXPECT_EQ(machine.Read().cache_bytes, 60000u);
}

TEST(MemoryBudget, Version1HasItsOwnMountAndNames) {
  Machine machine;
  machine.Put("/proc/self/cgroup", "5:devices:/\n4:cpu,memory:/job\n0::/\n")
      .Put("/proc/self/mountinfo",
           "41 37 0:34 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
           "42 37 0:35 / /cg/the\\040memory rw - cgroup cgroup rw,memory\n")
      .Put("/cg/the memory/memory.limit_in_bytes", "9223372036854771712\n")
      .Put("/cg/the memory/memory.usage_in_bytes", "1\n")
      .Put("/cg/the memory/job/memory.limit_in_bytes", "100000\n")
      .Put("/cg/the memory/job/memory.usage_in_bytes", "60000\n")
      .Put("/cg/the memory/job/memory.stat",
           "inactive_file 7\ntotal_inactive_file 10000\ntotal_active_file 5000\n");
  EXPECT_EQ(machine.Read().cache_bytes, 55000u);
  EXPECT_EQ(machine.Read().free_bytes, 40000u);
  EXPECT_EQ(machine.Read().bounded_by, "/job");
}

TEST(MemoryBudget, NoLimitIsNoBound) {
  Machine machine;
  machine.InVersion2("/job")
      .Put("/sys/fs/cgroup/job/memory.max", "max\n")
      .Put("/sys/fs/cgroup/job/memory.current", "1\n");
  EXPECT_EQ(machine.Read().bounded_by, "system");
}

TEST(MemoryBudget, GarbageDoesNotBound) {
  Machine machine;
  machine.Put("/proc/self/cgroup", "nonsense\n:\n0::/gone\n")
      .Put("/proc/self/mountinfo", "\n1 2\n30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(machine.Read().cache_bytes, 800u * 1024);
}

TEST(MemoryBudget, ThisMachineHasMemory) { EXPECT_GT(MemoryBudget().Read().cache_bytes, 0u); }

}  // namespace
}  // namespace betonfs
