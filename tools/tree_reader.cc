#include "tools/tree_reader.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace betonfs {

std::string JoinPath(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty()) path += '/';
  path += name;
  return path;
}

TreeReader::TreeReader(std::unique_ptr<Shards> shards)
    : shards_(std::move(shards)),
      guard_(dataset().bytes(), dataset().file().fd(), dataset().path()) {}

Result<std::unique_ptr<TreeReader>> TreeReader::Open(const std::string& path, TreeKind kind) {
  ASSIGN_OR_RETURN(std::unique_ptr<Shards> shards, Shards::Open({path}));
  std::unique_ptr<TreeReader> reader(new TreeReader(std::move(shards)));
  TreeOptions options;
  options.kind = kind;
  ASSIGN_OR_RETURN(reader->tree_,
                   ReadGuarded([&] { return Tree::Make(*reader->shards_, options); }));
  return reader;
}

Result<Ino> TreeReader::Find(std::string_view path) const {
  Ino at = Ino::Root();
  std::string_view rest = path;
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
    if (rest.empty()) return at;
    const std::string_view name = rest.substr(0, rest.find('/'));
    rest.remove_prefix(name.size());
    if (!at.is_tree_directory()) {
      return Fail(ErrorKind::kNotFound, dataset().path() + ": no '" + std::string(path) +
                                            "': what comes before '" + std::string(name) +
                                            "' is a file");
    }
    ASSIGN_OR_RETURN(const std::optional<Ino> next,
                     ReadGuarded([&] { return tree_->Lookup(at, name); }));
    if (!next) {
      return Fail(ErrorKind::kNotFound, dataset().path() + ": no '" + std::string(path) +
                                            "': there is no '" + std::string(name) + "'");
    }
    at = *next;
  }
}

Status TreeReader::ReadFile(Ino file, const std::function<Status(Bytes part)>& sink) const {
  if (!file.is_file()) {
    return Fail(ErrorKind::kInvalidArgument, dataset().path() + ": a directory has no bytes");
  }
  ASSIGN_OR_RETURN(const FileContents contents, ReadGuarded([&] { return tree_->Contents(file); }));
  // Copied first: the mapping may lose its pages at any time, and the sink must not meet zeros.
  constexpr size_t kMaxPartSizeBytes = 1 << 20;
  std::vector<std::byte> buffer(std::min<uint64_t>(contents.size_bytes(), kMaxPartSizeBytes));
  for (Bytes rest : {contents.header(), contents.payload()}) {
    while (!rest.empty()) {
      const MutableBytes part(buffer.data(), std::min(rest.size(), buffer.size()));
      RETURN_IF_ERROR(ReadGuarded([&]() -> Status {
        std::memcpy(part.data(), rest.data(), part.size());
        return {};
      }));
      RETURN_IF_ERROR(sink(part));
      rest = rest.subspan(part.size());
    }
  }
  return {};
}

}  // namespace betonfs
