// A tree written down as journal records.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "core/result.h"
#include "core/staging_journal.h"
#include "core/staging_tree.h"

namespace betonfs {

// A record of `kind` with what the node says of itself.  Its content goes with kSeal and kCreate
// alone.  Borrows the texts.
JournalRecord RecordOf(JournalKind kind, const StageNode& node, std::string_view path,
                       std::string_view second = {});

// Appends the records that make `tree` on an empty one, and writes them now and then: all of it
// would be too much for memory.
// `sealed` has the contents of files that are open for writing, by number: what the tree says of
// those is how large they are now, and the bytes may never come.
Status WriteTreeRecords(const StagingTree& tree,
                        const std::unordered_map<uint32_t, Content>& sealed,
                        JournalWriter& journal);

}  // namespace betonfs
