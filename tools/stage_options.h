// What `commit` and `stage -o commit_on_unmount` have in common on the command line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/result.h"
#include "core/staging_commit.h"

namespace CLI {
class App;
}

namespace betonfs {

struct CommitCommandLine {
  std::string as = "auto";
  std::string label = "auto";
  bool skip_non_jpeg = false;
  bool compact = false;
  bool no_compact = false;
  bool dry_run = false;
  bool has_seed = false;
  uint64_t seed = 0;
};

// Adds --as, --label, --skip-non-jpeg, --compact, --no-compact and --shuffle.
void AddCommitOptions(CLI::App& command, CommitCommandLine& line);

// Error kInvalidArgument: --label that means nothing.
Result<CommitOptions> ResolveCommit(const CommitCommandLine& line);

// Prints the report on stdout, for people or as JSON.  Returns the exit status it calls for:
// kExitSkipped if something was left out.
int PrintReport(const CommitReport& report, bool json);

}  // namespace betonfs
