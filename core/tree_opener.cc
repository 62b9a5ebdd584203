#include "core/tree_opener.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <vector>

#include "core/escape_name.h"

namespace betonfs {
namespace {

constexpr size_t kMaxOpenDirectories = 64;

// A name, closed with NUL.
class CName {
 public:
  explicit CName(std::string_view name) { text_[name.copy(text_.data(), text_.size() - 1)] = '\0'; }
  const char* c_str() const { return text_.data(); }

 private:
  std::array<char, 256> text_;
};

tl::unexpected<Error> CannotOpen(const std::string& name, int error) {
  if (error == ENOENT) {
    return Fail(ErrorKind::kChanged, name + " is gone since the tree was listed", error);
  }
  return FailErrno("cannot open " + name, error);
}

}  // namespace

std::string TreeOpener::NameForPeople(const WalkedFile& file) const {
  return EscapeName(tree_.root() + "/" + tree_.PathOf(file));
}

Result<UniqueFd> TreeOpener::Open(const WalkedFile& file) {
  if (file.directory != last_) {
    ASSIGN_OR_RETURN(last_fd_, DirectoryFd(file.directory));
    last_ = file.directory;
  }
  const CName name(tree_.NameOf(file));
  UniqueFd fd(openat(last_fd_, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return CannotOpen(NameForPeople(file), errno);
  return fd;
}

// Opens what is missing on the way from the nearest directory that is open.
Result<int> TreeOpener::DirectoryFd(uint32_t directory) {
  if (const auto found = open_.find(directory); found != open_.end()) return found->second.get();
  if (open_.size() >= kMaxOpenDirectories) open_.clear();
  std::vector<uint32_t> missing;
  uint32_t above = directory;
  while (!open_.contains(above) && above != 0) {
    missing.push_back(above);
    above = tree_.directories()[above].parent;
  }
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  if (!open_.contains(0)) {
    UniqueFd root(open(tree_.root().c_str(), kFlags));
    if (!root.valid()) return CannotOpen(EscapeName(tree_.root()), errno);
    open_.emplace(0, std::move(root));
  }
  UniqueFd parent;  // what is passed through is not kept
  int parent_fd = open_[above].get();
  for (size_t i = missing.size(); i-- > 0;) {
    const WalkedDirectory& next = tree_.directories()[missing[i]];
    UniqueFd fd(openat(parent_fd, CName(tree_.NameOf(next)).c_str(), kFlags));
    if (!fd.valid()) {
      return CannotOpen(EscapeName(tree_.root() + "/" + tree_.PathOf(next)), errno);
    }
    parent = std::move(fd);
    parent_fd = parent.get();
  }
  if (directory == 0) return parent_fd;
  return open_.emplace(directory, std::move(parent)).first->second.get();
}

}  // namespace betonfs
