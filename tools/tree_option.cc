#include "tools/tree_option.h"

#include <CLI/CLI.hpp>
#include <map>
#include <string>

namespace betonfs {

void AddTreeOption(CLI::App& command, TreeKind& kind) {
  std::map<std::string, TreeKind> kinds;
  for (const TreeKind one :
       {TreeKind::kAuto, TreeKind::kPaths, TreeKind::kLabel, TreeKind::kFlat, TreeKind::kSamples}) {
    kinds.emplace(TreeName(one), one);
  }
  command
      .add_option_function<std::string>(
          "--tree", [kinds, &kind](const std::string& name) { kind = kinds.at(name); },
          "which names to go by, as for mount -o tree=: auto, paths, label, flat or samples")
      ->check(CLI::IsMember(kinds));
}

}  // namespace betonfs
