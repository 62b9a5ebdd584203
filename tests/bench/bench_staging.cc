// How much memory and time a staged tree of many files takes, without FUSE in between.
//
//   bench_staging DIRECTORY NUM_FILES [NUM_DIRECTORIES]
//
// Fills DIRECTORY/out.beton.stage with files of some tens of bytes as a copy would, opens the work
// area again (the journal is replayed), commits, and opens it once more (the tree comes from the
// dataset).  Prints a line of JSON after each: seconds, this process's RssAnon then and its most so
// far, and what the tree says of itself.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/staging_area.h"
#include "core/staging_commit.h"

namespace betonfs {
namespace {

class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

uint64_t StatusKiB(const std::string& key) {
  std::ifstream lines("/proc/self/status");
  std::string word;
  while (lines >> word) {
    uint64_t value = 0;
    if (word == key && lines >> value) return value;
  }
  return 0;
}

void Print(const char* what, double seconds, StagingArea* area) {
  std::printf("{\"what\": \"%s\", \"seconds\": %.1f, \"rss_anon_MiB\": %llu, ", what, seconds,
              static_cast<unsigned long long>(StatusKiB("RssAnon:") / 1024));
  std::printf("\"most_rss_MiB\": %llu, \"tree_MiB\": %llu}\n",
              static_cast<unsigned long long>(StatusKiB("VmHWM:") / 1024),
              area ? static_cast<unsigned long long>(area->Figures().tree_memory_bytes >> 20) : 0);
  std::fflush(stdout);
}

Result<std::unique_ptr<StagingArea>> Open(StageIo& io, const std::string& beton_path) {
  StageOptions options;
  options.beton_path = beton_path;
  ResumeReport report;
  return StagingArea::Open(io, options, report);
}

Status PutFile(StagingArea& area, StageIno dir, const std::string& name) {
  ASSIGN_OR_RETURN(const StageAttr attr, area.Create(dir, name, 0644, /*exclusive=*/true));
  RETURN_IF_ERROR(area.Write(attr.ino, 0, AsBytes("the contents of " + name)));
  RETURN_IF_ERROR(area.Flush(attr.ino));
  return area.Release(attr.ino);
}

Status Fill(StagingArea& area, uint64_t num_files, uint64_t num_directories) {
  std::vector<StageIno> directories;
  for (uint64_t i = 0; i < num_directories; ++i) {
    ASSIGN_OR_RETURN(const StageAttr made,
                     area.MakeDirectory(kStageRoot, "class_" + std::to_string(i), 0755));
    directories.push_back(made.ino);
  }
  for (uint64_t i = 0; i < num_files; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "image_%010llu.jpg", static_cast<unsigned long long>(i));
    RETURN_IF_ERROR(PutFile(area, directories[i * num_directories / num_files], name));
  }
  return {};
}

Status Run(const std::string& directory, uint64_t num_files, uint64_t num_directories) {
  StageIo io;
  const std::string beton_path = directory + "/out.beton";
  {
    const Clock clock;
    ASSIGN_OR_RETURN(const auto area, Open(io, beton_path));
    RETURN_IF_ERROR(Fill(*area, num_files, num_directories));
    Print("filled", clock.seconds(), area.get());
  }
  {
    const Clock opening;
    ASSIGN_OR_RETURN(const auto area, Open(io, beton_path));
    Print("opened again", opening.seconds(), area.get());
    const Clock committing;
    CommitOptions options;
    options.plan.as = PackAs::kBytes;
    CommitProgress progress;
    RETURN_IF_ERROR(StagingCommit::Run(*area, options, progress));
    Print("committed", committing.seconds(), area.get());
  }
  const Clock clock;
  ASSIGN_OR_RETURN(const auto area, Open(io, beton_path));
  Print("opened over the dataset", clock.seconds(), area.get());
  return {};
}

}  // namespace
}  // namespace betonfs

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::fprintf(stderr, "usage: bench_staging DIRECTORY NUM_FILES [NUM_DIRECTORIES]\n");
    return 2;
  }
  const uint64_t num_files = std::strtoull(argv[2], nullptr, 10);
  const uint64_t num_directories = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1000;
  if (num_files == 0 || num_directories == 0) return 2;
  const betonfs::Status done = betonfs::Run(argv[1], num_files, num_directories);
  if (!done) std::fprintf(stderr, "bench_staging: %s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
