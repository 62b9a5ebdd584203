#include "fs/guarded_tree.h"

#include "core/text.h"
#include "fs/file_watch.h"
#include "fs/sigbus_guard.h"

namespace betonfs {
namespace {

// Some entries of a directory, copied out of the file.
struct Batch {
  static constexpr size_t kMaxEntries = 32;
  struct Entry {
    std::string name;
    Ino ino;
    uint64_t next;
  };
  std::vector<Entry> entries;
};

}  // namespace

GuardedTree::GuardedTree(std::unique_ptr<Tree> tree, VerifyMode mode)
    : Tree(tree->shards(), tree->main_field(), tree->label_field()), tree_(std::move(tree)) {
  if (mode != VerifyMode::kRead) return;
  for (const Shard& shard : shards().all()) {
    checks_.push_back(std::make_unique<ContentsCheck>(*shard.dataset));
  }
}

Result<std::optional<Ino>> GuardedTree::Lookup(Ino directory, std::string_view name) const {
  return ReadGuarded([&] { return tree_->Lookup(directory, name); });
}

Result<Ino> GuardedTree::ParentOf(Ino directory) const {
  return ReadGuarded([&] { return tree_->ParentOf(directory); });
}

Result<Attributes> GuardedTree::AttributesOf(Ino ino) const {
  return ReadGuarded([&] { return tree_->AttributesOf(ino); });
}

Result<std::string> GuardedTree::PathOf(Ino file) const {
  return ReadGuarded([&] { return tree_->PathOf(file); });
}

// What the sink has taken cannot be taken back, so it gets nothing that is not known to be good.
Status GuardedTree::List(Ino directory, uint64_t cursor, const EntrySink& sink) const {
  Batch batch;
  do {
    RETURN_IF_ERROR(ReadGuarded([&] {
      batch.entries.clear();
      return tree_->List(directory, cursor, [&](std::string_view name, Ino ino, uint64_t next) {
        if (batch.entries.size() == Batch::kMaxEntries) return false;
        batch.entries.push_back({std::string(name), ino, next});
        return true;
      });
    }));
    for (const Batch::Entry& entry : batch.entries) {
      if (!sink(entry.name, entry.ino, entry.next)) return {};
      cursor = entry.next;
    }
  } while (batch.entries.size() == Batch::kMaxEntries);
  return {};
}

Result<FileContents> GuardedTree::Contents(Ino file) const {
  ASSIGN_OR_RETURN(FileContents contents, ReadGuarded([&] { return tree_->Contents(file); }));
  RETURN_IF_ERROR(CheckContents(file, contents));
  return contents;
}

Status GuardedTree::CheckContents(Ino file, const FileContents& contents) const {
  const auto [shard, sample] = shards().Locate(file.sample());
  if (!checks_.empty()) {
    const auto number = static_cast<size_t>(shard - shards().all().data());
    RETURN_IF_ERROR(checks_[number]->Check(sample));
  }
  const uint64_t end = contents.payload_offset() + contents.payload().size();
  if (contents.payload().empty() || FileWatch::Reaches(shard->dataset->file(), end)) return {};
  return Fail(ErrorKind::kIo,
              Cat(shard->dataset->path(), ": sample ", Number(sample), " ends at ", end,
                  ", beyond the end of the file, which became shorter"),
              EIO);
}

uint64_t GuardedTree::num_failed_checks() const {
  uint64_t total = 0;
  for (const auto& check : checks_) total += check->num_failed();
  return total;
}

}  // namespace betonfs
