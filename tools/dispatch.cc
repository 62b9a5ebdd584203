// Which subcommand runs.  What it does is in its cmd_*.cc.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "tools/commands.h"
#include "tools/exit_codes.h"

namespace betonfs {
namespace {

// In the order of the help text.
constexpr std::initializer_list<AddCommand> kCommands{
    AddPack,    AddConcat, AddImport, AddMount, AddUmount, AddStage,  AddCommit,
    AddDiscard, AddOrder,  AddLs,     AddCat,   AddInfo,   AddUnpack, AddCheck,
};

// CLI11 misses what is required before it looks at what is there instead.
std::string WhatIsWrong(const CLI::App& app, const CLI::Error& error) {
  const std::vector<std::string> unknown = app.remaining();
  if (dynamic_cast<const CLI::RequiredError*>(&error) == nullptr || unknown.empty()) {
    return error.what();
  }
  const std::string kind = unknown.front().starts_with('-') ? "option" : "command";
  return "no " + kind + " '" + unknown.front() + "'";
}

std::string UsageError(const CLI::App* app, const CLI::Error& error) {
  std::string command = "betonfs";
  const CLI::App* last = app;
  for (const CLI::App* chosen : app->get_subcommands()) {
    command += ' ' + chosen->get_name();
    last = chosen;
  }
  return "betonfs: " + WhatIsWrong(*last, error) + "\nTry '" + command + " --help'.\n";
}

}  // namespace

int Dispatch(int argc, const char* const* argv) {
  CLI::App app{
      "A .beton dataset as a directory tree, and a directory tree as a .beton dataset.\n"
      "FFCV trains from the file; every other program reads the mounted folder.\n"};
  app.name("betonfs");
  app.set_version_flag("-V,--version", "betonfs " BETONFS_VERSION);
  app.require_subcommand(1);
  app.failure_message(UsageError);
  app.footer(
      "'betonfs COMMAND --help' says more.  Exit status: 0 done, 1 damage found, 2 usage,\n"
      "3 bad file, 4 not found, 5 permission, 6 in the way, 7 no space, 8 entries skipped,\n"
      "9 source changed, 10 other failure, 130 interrupted.\n");
  int exit_code = kExitOk;
  for (const AddCommand add : kCommands) {
    add(app, exit_code);
  }
  std::vector<std::string> arguments = NormalizeArguments(argc, argv);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return exit_code;
}

}  // namespace betonfs
