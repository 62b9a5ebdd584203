// What lies in the directory OUT.beton.stage/ and what it is called.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"

namespace betonfs {

struct WorkAreaFiles {
  std::set<uint64_t> journals;         // generations
  std::set<uint64_t> pages;            // generations
  std::set<uint64_t> spills;           // numbers
  std::vector<std::string> leftovers;  // paths of half-written files
};

// Errors: those of opendir(3).
Result<WorkAreaFiles> ListWorkArea(const std::string& dir);

std::string JournalPath(const std::string& dir, uint64_t generation);
std::string PagesPath(const std::string& dir, uint64_t generation);
std::string SpillPath(const std::string& dir, uint64_t number);

// Nobody else works in the area while the descriptor is open.  The directory must exist.
// Errors: kBusy  somebody does;  kNotFound, kPermission, kIo
Result<UniqueFd> LockWorkArea(const std::string& dir);

// Removes the directory and all files in it.
// Errors: kBusy as LockWorkArea; kNotFound  there is none; kPermission, kIo
Status RemoveWorkArea(const std::string& dir);

}  // namespace betonfs
