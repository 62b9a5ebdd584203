#include "fs/tree_label.h"

#include <charconv>

#include "fs/log.h"

namespace betonfs {
namespace {

tl::unexpected<Error> BadLine(const TreeOptions& options, size_t line, const std::string& what) {
  return Fail(ErrorKind::kInvalidArgument, options.classes_path + ":" + std::to_string(line + 1) +
                                               ": '" + options.classes[line] + "' " + what);
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameSizeBytes && name != "." && name != ".." &&
         name != ".betonfs" && name.find('/') == name.npos && name.find('\0') == name.npos;
}

}  // namespace

Result<ClassNames> ClassNames::Make(const LabelIndex& index, const TreeOptions& options) {
  ClassNames names;
  const size_t count = index.num_classes();
  const int64_t least = count > 0 ? index.LabelOf(0) : 0;
  const int64_t most = count > 0 ? index.LabelOf(count - 1) : 0;
  if (options.classes.empty()) {
    names.by_rank_ = least < 0;
    names.num_digits_ =
        names.by_rank_ ? NumDigits(count) : std::to_string(static_cast<uint64_t>(most)).size();
    return names;
  }
  for (size_t line = 0; line < options.classes.size(); ++line) {
    const std::string& name = options.classes[line];
    if (!IsName(name)) return BadLine(options, line, "cannot be the name of a directory");
    if (!names.by_name_.emplace(name, line).second) return BadLine(options, line, "is there twice");
    if (line > 0 && !options.classes_unsorted && name < options.classes[line - 1]) {
      return BadLine(options, line,
                     "sorts before the line above it, so loaders would number the classes in "
                     "another order than the labels (-o classes_unsorted accepts that)");
    }
  }
  if (least < 0 || (count > 0 && static_cast<uint64_t>(most) >= options.classes.size())) {
    return Fail(ErrorKind::kInvalidArgument,
                options.classes_path + ": " + std::to_string(options.classes.size()) +
                    " classes, but there is a label " + std::to_string(least < 0 ? least : most));
  }
  names.lines_ = options.classes;
  return names;
}

std::string ClassNames::Name(const LabelIndex& index, size_t rank) const {
  const auto label = static_cast<uint64_t>(index.LabelOf(rank));
  if (!lines_.empty()) return lines_[label];
  std::string name;
  AppendPadded(name, by_rank_ ? rank : label, num_digits_);
  return name;
}

size_t ClassNames::Find(const LabelIndex& index, std::string_view name) const {
  if (!lines_.empty()) {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? index.num_classes()
                                   : index.RankOf(static_cast<int64_t>(found->second));
  }
  const auto number = ParsePadded(name, num_digits_);
  if (!number) return index.num_classes();
  if (by_rank_) return std::min<size_t>(*number, index.num_classes());
  return index.RankOf(static_cast<int64_t>(*number));
}

LabelTree::LabelTree(const Shards& shards, uint16_t main_field, const Field& label,
                     SampleNames names, const TreeOptions& options)
    : MadeUpTree(shards, main_field, &label, std::move(names)), label_(label), options_(options) {}

Result<std::unique_ptr<Tree>> LabelTree::Make(const Shards& shards, uint16_t main_field,
                                              const Field& label, SampleNames names,
                                              const TreeOptions& options) {
  std::unique_ptr<LabelTree> tree(
      new LabelTree(shards, main_field, label, std::move(names), options));
  if (!options.classes.empty()) RETURN_IF_ERROR(tree->classes());
  return tree;
}

Result<const LabelTree::Classes*> LabelTree::classes() const {
  if (const Classes* made = made_.load(std::memory_order_acquire)) return made;
  const std::lock_guard lock(mutex_);
  if (classes_) return classes_.get();
  ASSIGN_OR_RETURN(LabelIndex index, LabelIndex::Make(shards(), names().range(), label_));
  ASSIGN_OR_RETURN(ClassNames class_names, ClassNames::Make(index, options_));
  if (index.num_unreadable() > 0) {
    LogError("tree=label unreadable_rows=" + std::to_string(index.num_unreadable()) +
             " cause=\"samples without a readable label are in no directory\"");
  }
  classes_ = std::make_unique<Classes>(Classes{std::move(index), std::move(class_names)});
  made_.store(classes_.get(), std::memory_order_release);
  return classes_.get();
}

Result<size_t> LabelTree::RankOf(const Classes& classes, Ino directory) const {
  if (directory.kind() == Ino::Kind::kDirectory &&
      directory.number() < classes.index.num_classes()) {
    return static_cast<size_t>(directory.number());
  }
  return Fail(ErrorKind::kNotFound, "no such directory");
}

Result<std::optional<Ino>> LabelTree::Lookup(Ino directory, std::string_view name) const {
  ASSIGN_OR_RETURN(const Classes* all, classes());
  if (directory == Ino::Root()) {
    const size_t rank = all->names.Find(all->index, name);
    if (rank == all->index.num_classes()) return std::nullopt;
    return Ino::Directory(rank);
  }
  ASSIGN_OR_RETURN(const size_t rank, RankOf(*all, directory));
  const auto parsed = names().Parse(name);
  if (!parsed) return std::nullopt;
  ASSIGN_OR_RETURN(const int64_t label, LabelOf(shards(), parsed->sample, label_));
  if (label != all->index.LabelOf(rank)) return std::nullopt;
  return Ino::File(parsed->sample, names().fields()[parsed->which].field);
}

Status LabelTree::List(Ino directory, uint64_t cursor, const EntrySink& sink) const {
  ASSIGN_OR_RETURN(const Classes* all, classes());
  if (directory == Ino::Root()) {
    for (; cursor < all->index.num_classes(); ++cursor) {
      if (!sink(all->names.Name(all->index, cursor), Ino::Directory(cursor), cursor + 1)) return {};
    }
    return {};
  }
  ASSIGN_OR_RETURN(const size_t rank, RankOf(*all, directory));
  SampleNames::Buffer buffer;
  for (; cursor < all->index.NumSamples(rank); ++cursor) {
    const SampleIndex sample = all->index.SampleAt(rank, cursor);
    const Ino file = Ino::File(sample, names().fields()[0].field);
    if (!sink(names().Format(sample, 0, buffer), file, cursor + 1)) return {};
  }
  return {};
}

Result<Ino> LabelTree::ParentOf(Ino) const { return Ino::Root(); }

Result<Attributes> LabelTree::AttributesOf(Ino ino) const {
  if (ino.is_file()) return FileAttributes(ino);
  if (ino == Ino::Root()) return DirectoryAttributes();
  ASSIGN_OR_RETURN(const Classes* all, classes());
  RETURN_IF_ERROR(RankOf(*all, ino));
  return DirectoryAttributes();
}

Result<std::string> LabelTree::PathOf(Ino file) const {
  RETURN_IF_ERROR(CheckFile(file));
  ASSIGN_OR_RETURN(const Classes* all, classes());
  ASSIGN_OR_RETURN(const int64_t label, LabelOf(shards(), file.sample(), label_));
  const size_t rank = all->index.RankOf(label);
  if (rank == all->index.num_classes()) return Fail(ErrorKind::kChanged, "the label has changed");
  SampleNames::Buffer buffer;
  return all->names.Name(all->index, rank) + "/" +
         std::string(names().Format(file.sample(), 0, buffer));
}

}  // namespace betonfs
