// A staging area driven as a copy tool would: by paths, each step expected to succeed.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "core/staging_area.h"
#include "core/staging_commit.h"
#include "core/staging_io.h"

namespace betonfs::test {

class Stage {
 public:
  // Opens the work area of `beton_path`; fails the test if it cannot.
  explicit Stage(std::string beton_path, StageIo* io = nullptr,
                 uint32_t page_size_bytes = kDefaultPageSizeBytes);

  StagingArea& area() { return *area_; }
  const ResumeReport& resumed() const { return resumed_; }
  // As after a crash of the daemon: nothing is closed or written any more, and it is opened again.
  // (What is lost beyond that is for a StageIo that plays power cuts.)
  void Reopen();
  void Close() { area_.reset(); }

  // The node at a path, 0 if there is none.  Its lookups are given back at once.
  StageIno Find(const std::string& path);
  void MakeDirectories(const std::string& path);
  // Creates or truncates, writes in pieces of `step` bytes, closes.  Makes its directories.
  void Put(const std::string& path, const std::string& contents, size_t step = 1 << 17);
  void Remove(const std::string& path);
  std::string Contents(const std::string& path);
  // Path -> contents of everything that is a file, "-> target" of symlinks, "/" of directories.
  std::map<std::string, std::string> Everything();
  CommitReport Commit(const CommitOptions& options = {});

 private:
  struct Place {
    StageIno dir;
    std::string name;
  };
  Place PlaceOf(const std::string& path);
  void Collect(StageIno dir, const std::string& path, std::map<std::string, std::string>& all);

  std::string beton_path_;
  uint32_t page_size_bytes_;
  StageIo own_io_;
  StageIo* io_;
  ResumeReport resumed_;
  std::unique_ptr<StagingArea> area_;
};

// Makes the journals of a work area look as if an earlier boot of the machine had written them.
void ForgetBoot(const std::string& work_area);

// Reads a whole file by its number.
std::string ContentsOf(StagingArea& area, StageIno ino);

}  // namespace betonfs::test
