// The subcommands: each adds itself to the program and leaves its exit status when it has run.
#pragma once

#include "core/result.h"

namespace CLI {
class App;
}

namespace betonfs {

// Adds a subcommand with its options to `app`.  When the user chose it, CLI11 runs it during
// parsing and `exit_code` holds the result.
using AddCommand = void (*)(CLI::App& app, int& exit_code);

// One line on stderr, "betonfs: <message>", and the status that goes with the error.
int ReportError(const Error& error);

}  // namespace betonfs
