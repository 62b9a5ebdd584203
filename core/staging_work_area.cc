#include "core/staging_work_area.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "core/text.h"

namespace betonfs {
namespace {

// "journal.12" with prefix "journal." is 12.
std::optional<uint64_t> NumberAfter(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

Result<std::vector<std::string>> NamesIn(const std::string& dir) {
  DIR* stream = opendir(dir.c_str());
  if (!stream) return FailErrno(dir, errno);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(stream)) names.emplace_back(entry->d_name);
  closedir(stream);
  std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
  return names;
}

}  // namespace

Result<WorkAreaFiles> ListWorkArea(const std::string& dir) {
  ASSIGN_OR_RETURN(const auto names, NamesIn(dir));
  WorkAreaFiles files;
  for (const std::string& name : names) {
    if (const auto journal = NumberAfter(name, "journal.")) {
      files.journals.insert(*journal);
    } else if (const auto pages = NumberAfter(name, "pages.")) {
      files.pages.insert(*pages);
    } else if (const auto spill = NumberAfter(name, "spill.")) {
      files.spills.insert(*spill);
    } else if (name.ends_with(".new")) {
      files.leftovers.push_back(Cat(dir, "/", name));
    }
  }
  return files;
}

std::string JournalPath(const std::string& dir, uint64_t generation) {
  return Cat(dir, "/journal.", generation);
}

std::string PagesPath(const std::string& dir, uint64_t generation) {
  return Cat(dir, "/pages.", generation);
}

std::string SpillPath(const std::string& dir, uint64_t number) {
  return Cat(dir, "/spill.", number);
}

Result<UniqueFd> LockWorkArea(const std::string& dir) {
  ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(dir + "/lock", O_RDWR | O_CREAT, 0644));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return FailErrno(dir + "/lock", errno);
  return Fail(ErrorKind::kBusy, dir + ": this work area is in use by another betonfs", EBUSY);
}

Status RemoveWorkArea(const std::string& dir) {
  if (access(dir.c_str(), F_OK) != 0 && errno == ENOENT) {
    return Fail(ErrorKind::kNotFound, dir + ": there is no work area", ENOENT);
  }
  ASSIGN_OR_RETURN(const UniqueFd lock, LockWorkArea(dir));
  ASSIGN_OR_RETURN(const auto names, NamesIn(dir));
  // Journals first: what is left if this is interrupted is then an empty work area.
  for (const bool journals : {true, false}) {
    for (const std::string& name : names) {
      if (name.starts_with("journal.") != journals) continue;
      const std::string path = Cat(dir, "/", name);
      if (unlink(path.c_str()) != 0) return FailErrno(path + ": cannot remove", errno);
    }
  }
  if (rmdir(dir.c_str()) != 0) return FailErrno(dir + ": cannot remove", errno);
  return {};
}

}  // namespace betonfs
