// Class labels from the directories that files lie in.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace betonfs {

struct LabelChoice {
  enum class Mode {
    kAuto,  // by top-level directory when files lie in directories, none when all are at the root
    kNone,
    kDirectory,  // by the directory at `depth`; 1 is the top level
  };
  Mode mode = Mode::kAuto;
  uint32_t depth = 1;
};

// "auto", "none" or "dir:DEPTH" with DEPTH from 1.  Error kInvalidArgument: anything else.
Result<LabelChoice> ParseLabelChoice(std::string_view text);

// A directory of the tree to label.  The root comes first and is its own parent; every other comes
// after its parent.
struct LabelDirectory {
  uint32_t parent = 0;
  std::string_view name;
  uint64_t num_files = 0;  // directly in it
};

struct Labels {
  // False: no label field, and the rest is empty.
  bool has_labels = false;
  // Label number -> class name, sorted bytewise.  Torchvision's rule: every directory of that depth
  // is a class, empty or not; directories of one name are one class.
  std::vector<std::string> classes;
  // By directory number: the label of the files in it, -1 where no file can be (above the depth).
  std::vector<int64_t> label_of_directory;
  // One line each: what the user may not have meant.
  std::vector<std::string> warnings;
};

// Errors: kInvalidArgument  a file above the depth, named by its directory: it would have no label
Result<Labels> AssignLabels(const LabelChoice& choice, std::span<const LabelDirectory> directories);

}  // namespace betonfs
