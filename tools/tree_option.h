// The option that ls, cat and unpack share: which names to go by.
#pragma once

#include "fs/tree.h"

namespace CLI {
class App;
}

namespace betonfs {

// Adds --tree to `command`; `kind` gets the choice and must outlive the parsing.
void AddTreeOption(CLI::App& command, TreeKind& kind);

}  // namespace betonfs
