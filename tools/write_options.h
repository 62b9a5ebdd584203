// What `pack` and `import` have in common on the command line: how a new file is laid out and
// written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/dataset_writer.h"
#include "core/result.h"

namespace CLI {
class App;
}

namespace betonfs {

struct WriteCommandLine {
  std::string page_size;
  std::string align;
  std::optional<uint64_t> shuffle_seed;
  unsigned num_threads = 0;
  bool force = false;
  bool json = false;
};

// Adds --page-size, --align, --shuffle, --threads, --force and --json.  `target` is how the
// command's help calls the file to make.
void AddWriteOptions(CLI::App& command, const std::string& target, WriteCommandLine& line);

// Error kInvalidArgument: a size that is no power of two in range, with the option named.
Result<DatasetOptions> ResolveWriteOptions(const WriteCommandLine& line);

}  // namespace betonfs
