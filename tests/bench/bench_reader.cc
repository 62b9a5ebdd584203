// The timed part of the benchmarks, so that no interpreter stands between the clock and the files.
//
//   bench_reader files LIST ROOT READERS SECONDS     open, fstat, read, close each path of LIST
//   bench_reader scan ROOT                           readdir and stat everything below ROOT
//   bench_reader list ROOT                           the same without stat
//   bench_reader stat LIST ROOT READERS SECONDS      fstatat of each path; missing names count too
//   bench_reader resident PATH...                    share of the files' bytes in the page cache
//   bench_reader resident-list LIST ROOT
//   bench_reader samples MODE LIST BETON             the samples of LIST straight from a .beton:
//        pread    one positional read per sample
//        page     one read per page, samples taken from it while it is the current one
//        window   one read per page, as many pages kept as a quasi-random window has
//        copy     mapped, each sample copied
//        map      mapped, read in place
//
// LIST holds one path a line.  READERS are processes that start together; reader r of n takes every
// n-th path.  After SECONDS (0: never) they stop where they are.  Whatever is read is looked at,
// one byte per cache line.  Prints one JSON object.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/dataset.h"

namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void Die(const std::string& what) {
  std::perror(what.c_str());
  std::exit(1);
}

std::vector<std::string> ReadList(const std::string& path) {
  std::ifstream file(path);
  if (!file) Die(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// What the readers tell; in memory that they share.
struct Tally {
  std::atomic<uint64_t> files{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> missing{0};
  std::atomic<uint64_t> sum{0};
  std::atomic<uint32_t> ready{0};
  std::atomic<bool> go{false};
};

uint64_t Look(const char* data, size_t size) {
  uint64_t sum = 0;
  for (size_t i = 0; i < size; i += 64) sum += static_cast<unsigned char>(data[i]);
  return sum;
}

void Print(const Tally& tally, double seconds) {
  std::printf("{\"files\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"missing\": %" PRIu64
              ", \"seconds\": %.6f}\n",
              tally.files.load(), tally.bytes.load(), tally.missing.load(), seconds);
}

// One file's worth of work; returns bytes, or -1 if there is no such name.
class FileReader {
 public:
  explicit FileReader(int root_fd) : root_fd_(root_fd), buffer_(1 << 20) {}

  int64_t Read(const std::string& path, uint64_t& sum) {
    const int fd = openat(root_fd_, path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) Die(path);
    struct stat st;
    if (fstat(fd, &st) != 0) Die(path);
    const auto size = static_cast<size_t>(st.st_size);
    if (buffer_.size() < size + 1) buffer_.resize(size + 1);
    size_t got = 0;
    while (got < size) {
      const ssize_t n = read(fd, buffer_.data() + got, size - got);
      if (n <= 0) Die("read " + path);
      got += static_cast<size_t>(n);
    }
    close(fd);
    sum += Look(buffer_.data(), got);
    return static_cast<int64_t>(got);
  }

  int64_t Stat(const std::string& path, uint64_t&) {
    struct stat st;
    return fstatat(root_fd_, path.c_str(), &st, 0) == 0 ? 0 : -1;
  }

 private:
  int root_fd_;
  std::vector<char> buffer_;
};

using Work = int64_t (FileReader::*)(const std::string&, uint64_t&);

void ReadShare(Work work, const std::vector<std::string>& paths, int root_fd, size_t reader,
               size_t readers, double limit_s, Tally& tally) {
  FileReader file_reader(root_fd);
  tally.ready.fetch_add(1);
  while (!tally.go.load()) std::this_thread::yield();
  const auto start = Clock::now();
  uint64_t files = 0, bytes = 0, missing = 0, sum = 0;
  for (size_t i = reader; i < paths.size(); i += readers) {
    const int64_t got = (file_reader.*work)(paths[i], sum);
    got < 0 ? void(++missing) : void(bytes += static_cast<uint64_t>(got));
    ++files;
    if (limit_s > 0 && SecondsSince(start) > limit_s) break;
  }
  tally.files += files;
  tally.bytes += bytes;
  tally.missing += missing;
  tally.sum += sum;
}

int RunFiles(Work work, char** argv) {
  const auto paths = ReadList(argv[0]);
  const int root_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root_fd < 0) Die(argv[1]);
  const size_t readers = std::strtoul(argv[2], nullptr, 10);
  const double limit_s = std::strtod(argv[3], nullptr);
  void* shared =
      mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) Die("mmap");
  Tally& tally = *new (shared) Tally;
  for (size_t r = 0; r < readers; ++r) {
    const pid_t child = fork();
    if (child < 0) Die("fork");
    if (child == 0) {
      ReadShare(work, paths, root_fd, r, readers, limit_s, tally);
      _exit(0);
    }
  }
  while (tally.ready.load() < readers) std::this_thread::yield();
  const auto start = Clock::now();
  tally.go.store(true);
  bool failed = false;
  for (size_t r = 0; r < readers; ++r) {
    int status = 0;
    wait(&status);
    failed |= status != 0;
  }
  Print(tally, SecondsSince(start));
  return failed ? 1 : 0;
}

void Scan(int dir_fd, bool with_stat, Tally& tally) {
  DIR* dir = fdopendir(dir_fd);
  if (!dir) Die("fdopendir");
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_dir = entry->d_type == DT_DIR;
    if (with_stat || entry->d_type == DT_UNKNOWN) {
      struct stat st;
      if (fstatat(dir_fd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) Die(name);
      is_dir = S_ISDIR(st.st_mode);
      tally.bytes += static_cast<uint64_t>(st.st_size);
    }
    if (is_dir) {
      const int child = openat(dir_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (child < 0) Die(name);
      Scan(child, with_stat, tally);
    } else {
      ++tally.files;
    }
  }
  closedir(dir);
}

int RunScan(const char* root, bool with_stat) {
  Tally tally;
  const auto start = Clock::now();
  const int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) Die(root);
  Scan(fd, with_stat, tally);
  Print(tally, SecondsSince(start));
  return 0;
}

// Adds the bytes of one file, and those of them that are in the page cache.
void CountResident(const std::string& path, uint64_t& total, uint64_t& resident) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0) Die(path);
  const auto size = static_cast<size_t>(st.st_size);
  void* mapping = size ? mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0) : nullptr;
  close(fd);
  if (size == 0) return;
  if (mapping == MAP_FAILED) Die("mmap " + path);
  std::vector<unsigned char> pages((size + 4095) / 4096);
  if (mincore(mapping, size, pages.data()) != 0) Die("mincore " + path);
  munmap(mapping, size);
  total += pages.size();
  for (unsigned char page : pages) resident += page & 1;
}

int RunResident(const std::vector<std::string>& paths) {
  uint64_t total = 0, resident = 0;
  for (const std::string& path : paths) CountResident(path, total, resident);
  std::printf("{\"pages\": %" PRIu64 ", \"resident\": %.6f}\n", total,
              total ? static_cast<double>(resident) / static_cast<double>(total) : 1.0);
  return 0;
}

// Reads whole pages of a .beton and keeps the last few.
class PageWindow {
 public:
  PageWindow(const betonfs::Dataset& dataset, size_t max_pages)
      : dataset_(dataset), max_pages_(max_pages) {}

  const char* Get(uint64_t offset) {
    const uint64_t page = dataset_.PageOf(offset);
    for (const Page& kept : pages_) {
      if (kept.number == page) return kept.data.get() + offset % dataset_.page_size_bytes();
    }
    Page fresh{page, nullptr};
    if (pages_.size() == max_pages_) {
      fresh.data = std::move(pages_.front().data);
      pages_.pop_front();
    } else {
      fresh.data = std::make_unique_for_overwrite<char[]>(dataset_.page_size_bytes());
    }
    const auto begin = static_cast<off_t>(page * dataset_.page_size_bytes());
    if (pread(dataset_.file().fd(), fresh.data.get(), dataset_.page_size_bytes(), begin) <= 0) {
      Die("pread");
    }
    pages_.push_back(std::move(fresh));
    return pages_.back().data.get() + offset % dataset_.page_size_bytes();
  }

 private:
  struct Page {
    uint64_t number;
    std::unique_ptr<char[]> data;
  };
  const betonfs::Dataset& dataset_;
  size_t max_pages_;
  std::list<Page> pages_;
};

int RunSamples(const std::string& mode, const std::string& list, const std::string& beton) {
  const auto opened = betonfs::Dataset::Open(beton);
  if (!opened || !(*opened)->index()) Die(beton);
  const betonfs::Dataset& dataset = **opened;
  const betonfs::Field& field = dataset.schema().payload_field(0);
  std::vector<betonfs::Payload> samples;  // found before the clock runs, as a list of files is
  for (const std::string& path : ReadList(list)) {
    const auto entry = dataset.index()->Resolve(path);
    if (!entry || !*entry) Die(path);
    const auto sample = dataset.index()->EntryAt(**entry)->sample();
    samples.push_back(*dataset.PayloadOf(sample, field));
  }
  PageWindow window(dataset, mode == "window" ? 8 : 1);
  std::vector<char> buffer(8 << 20);
  Tally tally;
  uint64_t sum = 0;
  const auto start = Clock::now();
  for (const betonfs::Payload& sample : samples) {
    const size_t size = sample.bytes.size();
    const char* data = reinterpret_cast<const char*>(sample.bytes.data());
    if (mode == "pread") {
      const auto offset = static_cast<off_t>(sample.offset);
      if (pread(dataset.file().fd(), buffer.data(), size, offset) < 0) Die("pread");
      data = buffer.data();
    } else if (mode == "copy") {
      std::memcpy(buffer.data(), data, size);
      data = buffer.data();
    } else if (mode != "map") {
      data = window.Get(sample.offset);
    }
    sum += Look(data, size);
    tally.bytes += size;
  }
  tally.files = samples.size();
  tally.sum = sum;
  Print(tally, SecondsSince(start));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "files" && argc == 6) return RunFiles(&FileReader::Read, argv + 2);
  if (command == "stat" && argc == 6) return RunFiles(&FileReader::Stat, argv + 2);
  if (command == "scan" && argc == 3) return RunScan(argv[2], true);
  if (command == "list" && argc == 3) return RunScan(argv[2], false);
  if (command == "resident") return RunResident({argv + 2, argv + argc});
  if (command == "resident-list" && argc == 4) {
    auto paths = ReadList(argv[2]);
    for (std::string& path : paths) path = std::string(argv[3]) + "/" + path;
    return RunResident(paths);
  }
  if (command == "samples" && argc == 5) return RunSamples(argv[2], argv[3], argv[4]);
  std::fprintf(stderr, "usage: see the head of tests/bench/bench_reader.cc\n");
  return 2;
}
