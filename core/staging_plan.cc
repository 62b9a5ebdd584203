#include "core/staging_plan.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include "core/file.h"
#include "core/text.h"

namespace betonfs {
namespace {

// A symlink that leads through more of them is taken for a loop, as the kernel does.
constexpr int kMaxLinkDepth = 40;

// Where a JPEG's frame header lies, whatever a camera puts in front of it.
constexpr uint64_t kPictureHeadBytes = 1 << 20;

FileKind KindOf(const Content& content) {
  if (content.picture != Picture::kJpeg) return FileKind::kOther;
  return content.components == 1 || content.components == 3 ? FileKind::kJpeg : FileKind::kCmykJpeg;
}

const char* WhyLeftOut(FileKind kind) {
  return kind == FileKind::kCmykJpeg ? "CMYK JPEG" : "not a JPEG";
}

class Planner {
 public:
  Planner(const StagingTree& tree, const StagingStore& store, const PlanOptions& options)
      : tree_(tree), store_(store), options_(options) {}

  Result<CommitPlan> Make() {
    plan_.directories.push_back({0, "", kStageRoot, 0});
    RETURN_IF_ERROR(AddDirectory(0, ""));
    RETURN_IF_ERROR(LookAtContents());
    ASSIGN_OR_RETURN(plan_.schema, ChooseSchema(options_.as, options_.skip_non_jpeg, facts_));
    LeaveOut();
    std::vector<LabelDirectory> directories;
    for (const PlannedDirectory& directory : plan_.directories) {
      directories.push_back({directory.parent, directory.name, directory.num_files});
    }
    ASSIGN_OR_RETURN(plan_.labels, AssignLabels(options_.labels, directories));
    for (const PlannedSample& sample : plan_.samples) plan_.payload_bytes += sample.content.size;
    return std::move(plan_);
  }

 private:
  Status AddDirectory(uint32_t number, const std::string& path);
  void AddFile(uint32_t directory, std::string_view name, StageIno ino, std::string path);
  void AddSymlink(uint32_t directory, std::string_view name, StageIno ino, std::string path);
  std::optional<StageIno> Follow(StageIno dir, std::string_view target, int depth) const;
  Status LookAtContents();
  Status LookAt(Content& content) const;
  void LeaveOut();

  const StagingTree& tree_;
  const StagingStore& store_;
  const PlanOptions& options_;
  CommitPlan plan_;
  FileFacts facts_;
  std::unordered_map<uint32_t, std::string> first_names_;  // of files with several
};

Status Planner::AddDirectory(uint32_t number, const std::string& path) {
  const StageIno dir = plan_.directories[number].ino;
  std::vector<StageEntry> children = tree_.Children(dir);
  std::sort(children.begin(), children.end(),
            [](const StageEntry& a, const StageEntry& b) { return a.name < b.name; });
  for (const StageEntry& child : children) {
    std::string child_path = path.empty() ? std::string(child.name) : Cat(path, "/", child.name);
    const StageNode& node = tree_.At(child.ino);
    if (node.kind == NodeKind::kDirectory) {
      const auto next = static_cast<uint32_t>(plan_.directories.size());
      plan_.directories.push_back({number, child.name, child.ino, 0});
      RETURN_IF_ERROR(AddDirectory(next, child_path));
    } else if (IsJunkName(child.name)) {
      plan_.skipped.push_back({std::move(child_path), "junk name", child.ino});
    } else if (node.kind == NodeKind::kSymlink) {
      AddSymlink(number, child.name, child.ino, std::move(child_path));
    } else {
      AddFile(number, child.name, child.ino, std::move(child_path));
    }
  }
  return {};
}

void Planner::AddFile(uint32_t directory, std::string_view name, StageIno ino, std::string path) {
  const StageNode& node = tree_.At(ino);
  bool is_copy = false;
  if (node.nlink > 1) {
    const auto [first, is_first] = first_names_.emplace(Number(ino), path);
    is_copy = !is_first;
    if (is_copy) {
      plan_.links.push_back({std::move(path), first->second, PlannedLink::Kind::kHardLink, true});
    }
  }
  plan_.samples.push_back({directory, name, ino, is_copy, node.content});
  ++plan_.directories[directory].num_files;
}

void Planner::AddSymlink(uint32_t directory, std::string_view name, StageIno ino,
                         std::string path) {
  const std::string& target = tree_.SymlinkTarget(ino);
  const auto file = Follow(plan_.directories[directory].ino, target, 0);
  const bool followed = file && tree_.At(*file).kind == NodeKind::kFile;
  plan_.links.push_back({std::move(path), target, PlannedLink::Kind::kSymlink, followed});
  if (!followed) return;
  plan_.samples.push_back({directory, name, *file, true, tree_.At(*file).content});
  ++plan_.directories[directory].num_files;
}

// Where a symlink leads inside the tree; nullopt if nowhere or outside.
std::optional<StageIno> Planner::Follow(StageIno dir, std::string_view target, int depth) const {
  if (depth > kMaxLinkDepth || target.empty() || target.front() == '/') return std::nullopt;
  StageIno at = dir;
  while (!target.empty()) {
    const size_t slash = target.find('/');
    const std::string_view name = target.substr(0, slash);
    target = slash == std::string_view::npos ? std::string_view() : target.substr(slash + 1);
    if (tree_.At(at).kind != NodeKind::kDirectory) return std::nullopt;
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (at == kStageRoot) return std::nullopt;
      at = tree_.ParentOf(at);
      continue;
    }
    const auto next = tree_.Find(at, name);
    if (!next || !*next) return std::nullopt;
    if (tree_.At(**next).kind == NodeKind::kSymlink) {
      const auto beyond = Follow(at, tree_.SymlinkTarget(**next), depth + 1);
      if (!beyond) return std::nullopt;
      at = *beyond;
    } else {
      at = **next;
    }
  }
  return at;
}

Status Planner::LookAtContents() {
  for (PlannedSample& sample : plan_.samples) {
    Content& content = sample.content;
    if (content.picture == Picture::kUnknown && content.size > 0) RETURN_IF_ERROR(LookAt(content));
    facts_.Add(KindOf(content), plan_.PathOf(sample));
  }
  return {};
}

Status Planner::LookAt(Content& content) const {
  if (const auto view = store_.View(content)) {
    NotePicture(*view, content);
  } else if (content.where == Where::kSpill) {
    ASSIGN_OR_RETURN(const MappedFile spill, MappedFile::Open(store_.SpillPath(content.offset)));
    NotePicture(spill.bytes(), content);
  } else {  // beyond what of the page file could be mapped
    std::vector<std::byte> head(std::min(content.size, kPictureHeadBytes));
    RETURN_IF_ERROR(store_.Read(content, 0, head));
    NotePicture(head, content);
  }
  return {};
}

void Planner::LeaveOut() {
  std::erase_if(plan_.samples, [&](const PlannedSample& sample) {
    const FileKind kind = KindOf(sample.content);
    if (!IsLeftOut(kind, options_.as, options_.skip_non_jpeg)) return false;
    plan_.skipped.push_back({plan_.PathOf(sample), WhyLeftOut(kind), sample.ino});
    --plan_.directories[sample.directory].num_files;
    return true;
  });
}

bool EndsLikeRsyncTemporary(std::string_view name) {
  if (name.size() < 9 || name.front() != '.') return false;
  const std::string_view tail = name.substr(name.size() - 7);
  return tail.front() == '.' && std::all_of(tail.begin() + 1, tail.end(),
                                            [](unsigned char c) { return std::isalnum(c) != 0; });
}

// ".photo.jpg.Ab3dE9" is rsync's; ".config.locale" is somebody's file: a name rsync made up has a
// digit or a capital letter in it (all of 6 letters are small once in 200 names).
bool IsRsyncTemporary(std::string_view name) {
  if (!EndsLikeRsyncTemporary(name)) return false;
  const std::string_view tail = name.substr(name.size() - 6);
  return std::any_of(tail.begin(), tail.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0 || std::isupper(c) != 0; });
}

}  // namespace

std::string CommitPlan::PathOf(const PlannedSample& sample) const {
  std::string path(sample.name);
  for (uint32_t at = sample.directory; at != 0; at = directories[at].parent) {
    path = Cat(directories[at].name, "/", path);
  }
  return path;
}

bool IsJunkName(std::string_view name) {
  return name == ".DS_Store" || name == "Thumbs.db" || name.starts_with("._") ||
         name.starts_with(".nfs") || IsRsyncTemporary(name);
}

Result<CommitPlan> PlanCommit(const StagingTree& tree, const StagingStore& store,
                              const PlanOptions& options) {
  return Planner(tree, store, options).Make();
}

}  // namespace betonfs
