// A directory that is gone when the test is.
#pragma once

#include <string>
#include <string_view>

#include "core/bytes.h"

namespace betonfs::test {

class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

  // Writes a file (its parents too) and returns its path.
  std::string Write(std::string_view name, std::string_view contents) const;

 private:
  std::string path_;
};

// The whole file; fails the test if there is none.
std::string ReadFile(const std::string& path);

}  // namespace betonfs::test
