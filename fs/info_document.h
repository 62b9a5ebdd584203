// `.betonfs/info.json`: what is mounted.
#pragma once

#include <memory>

#include "fs/document.h"
#include "fs/tree.h"

namespace betonfs {

// One JSON object: the tree, the fields, and of each file its path, samples, sizes and whether it
// stores names.  Needs the headers alone.
std::shared_ptr<const Document> InfoDocument(const Tree& tree);

}  // namespace betonfs
