// The program: dispatch only.  What a subcommand does is in its cmd_*.cc.
#include <CLI/CLI.hpp>

#include "tools/commands.h"
#include "tools/exit_codes.h"

int main(int argc, char** argv) {
  CLI::App app{"A .beton dataset as a directory tree, and a directory tree as a .beton dataset"};
  app.require_subcommand(1);
  int exit_code = betonfs::kExitOk;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? betonfs::kExitOk : betonfs::kExitUsage;
  }
  return exit_code;
}
