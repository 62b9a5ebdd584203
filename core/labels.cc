#include "core/labels.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace betonfs {
namespace {

constexpr std::string_view kSplitNames[] = {"train", "training", "val",     "valid", "validation",
                                            "test",  "testing",  "holdout", "dev",   "eval"};

bool IsSplitName(std::string_view name) {
  return std::any_of(std::begin(kSplitNames), std::end(kSplitNames), [&](std::string_view split) {
    return name.size() == split.size() && strncasecmp(name.data(), split.data(), name.size()) == 0;
  });
}

// By directory number: 0 for the root, 1 for the top level, ...
std::vector<uint32_t> DepthsOf(std::span<const LabelDirectory> directories) {
  std::vector<uint32_t> depths(directories.size(), 0);
  for (size_t i = 1; i < directories.size(); ++i) depths[i] = depths[directories[i].parent] + 1;
  return depths;
}

std::string PathOf(std::span<const LabelDirectory> directories, size_t directory) {
  std::string path;
  for (; directory != 0; directory = directories[directory].parent) {
    path.insert(0, std::string(directories[directory].name) + "/");
  }
  return path;
}

std::vector<std::string> ClassesAt(uint32_t depth, std::span<const LabelDirectory> directories,
                                   std::span<const uint32_t> depths) {
  std::vector<std::string> classes;
  for (size_t i = 0; i < directories.size(); ++i) {
    if (depths[i] == depth) classes.emplace_back(directories[i].name);
  }
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  return classes;
}

Status CheckNoFileAbove(uint32_t depth, std::span<const LabelDirectory> directories,
                        std::span<const uint32_t> depths) {
  for (size_t i = 0; i < directories.size(); ++i) {
    if (depths[i] >= depth || directories[i].num_files == 0) continue;
    const std::string where =
        i == 0 ? "at the root" : "directly in '" + PathOf(directories, i) + "'";
    return Fail(ErrorKind::kInvalidArgument,
                std::to_string(directories[i].num_files) + " files lie " + where +
                    " and have no directory of depth " + std::to_string(depth) +
                    " to take a label from; choose --label none, or another depth");
  }
  return {};
}

Labels Assign(uint32_t depth, std::span<const LabelDirectory> directories,
              std::span<const uint32_t> depths) {
  Labels labels{.has_labels = true,
                .classes = ClassesAt(depth, directories, depths),
                .label_of_directory = std::vector<int64_t>(directories.size(), -1),
                .warnings = {}};
  for (size_t i = 0; i < directories.size(); ++i) {
    if (depths[i] > depth) {
      labels.label_of_directory[i] = labels.label_of_directory[directories[i].parent];
    } else if (depths[i] == depth) {
      const auto found =
          std::lower_bound(labels.classes.begin(), labels.classes.end(), directories[i].name);
      labels.label_of_directory[i] = found - labels.classes.begin();
    }
  }
  return labels;
}

}  // namespace

Result<LabelChoice> ParseLabelChoice(std::string_view text) {
  if (text == "auto") return LabelChoice{};
  if (text == "none") return LabelChoice{LabelChoice::Mode::kNone, 0};
  LabelChoice choice{LabelChoice::Mode::kDirectory, 0};
  if (text.starts_with("dir:")) {
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + 4, end, choice.depth);
    if (error == std::errc() && rest == end && choice.depth > 0) return choice;
  }
  return Fail(
      ErrorKind::kInvalidArgument,
      "--label '" + std::string(text) + "' is not auto, none or dir:DEPTH with DEPTH from 1");
}

Result<Labels> AssignLabels(const LabelChoice& choice,
                            std::span<const LabelDirectory> directories) {
  if (choice.mode == LabelChoice::Mode::kNone) return Labels{};
  const std::vector<uint32_t> depths = DepthsOf(directories);
  if (choice.mode == LabelChoice::Mode::kDirectory) {
    RETURN_IF_ERROR(CheckNoFileAbove(choice.depth, directories, depths));
    return Assign(choice.depth, directories, depths);
  }
  const bool all_at_root =
      std::all_of(directories.begin() + 1, directories.end(),
                  [](const LabelDirectory& directory) { return directory.num_files == 0; });
  if (all_at_root) return Labels{};
  RETURN_IF_ERROR(CheckNoFileAbove(1, directories, depths));
  Labels labels = Assign(1, directories, depths);
  if (std::all_of(labels.classes.begin(), labels.classes.end(), IsSplitName)) {
    std::string names;
    for (const std::string& name : labels.classes) names += (names.empty() ? "" : ", ") + name;
    labels.warnings.push_back("the top level (" + names +
                              ") looks like splits and not like classes: every file of a split now "
                              "has the same label; choose --label dir:2 for the directories in "
                              "them, or pack each split into a file of its own");
  }
  return labels;
}

}  // namespace betonfs
