// The subcommands: each adds itself to the program and leaves its exit status when it has run.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace CLI {
class App;
}

namespace betonfs {

// Adds a subcommand with its options to `app`.  When the user chose it, CLI11 runs it during
// parsing and `exit_code`, which outlives the parsing, holds the result.  To add a command: declare
// its function here, define it in a cmd_*.cc of its own, and put it into kCommands in dispatch.cc.
using AddCommand = void (*)(CLI::App& app, int& exit_code);

void AddPack(CLI::App& app, int& exit_code);
void AddConcat(CLI::App& app, int& exit_code);
void AddImport(CLI::App& app, int& exit_code);
void AddMount(CLI::App& app, int& exit_code);
void AddUmount(CLI::App& app, int& exit_code);
void AddLs(CLI::App& app, int& exit_code);
void AddCat(CLI::App& app, int& exit_code);
void AddInfo(CLI::App& app, int& exit_code);
void AddUnpack(CLI::App& app, int& exit_code);
void AddCheck(CLI::App& app, int& exit_code);
void AddOrder(CLI::App& app, int& exit_code);
void AddStage(CLI::App& app, int& exit_code);
void AddCommit(CLI::App& app, int& exit_code);
void AddDiscard(CLI::App& app, int& exit_code);

// Runs the subcommand that the arguments of the program choose; its exit status.
int Dispatch(int argc, const char* const* argv);

// One line on stderr, "betonfs: <message>" made safe for a terminal, and the status that goes
// with the error.
int ReportError(const Error& error);

// Ends what a command wrote to stdout: `exit_code`, or that of a failed write (a full disk) or of
// parts of the file that could not be read, which are reported.
int FinishOutput(int exit_code);

// The program is called in two more ways: as `mount.betonfs FILE DIR -o ...` or
// `mount.fuse.betonfs FILE DIR -o ...` by mount(8), and as `betonfs FILE DIR -o ...` by
// mount.fuse3. Returns the arguments after the program's name as if the user had typed `betonfs
// mount ...`.
std::vector<std::string> NormalizeArguments(int argc, const char* const* argv);

}  // namespace betonfs
