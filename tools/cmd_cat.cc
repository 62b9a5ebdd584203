// betonfs cat: the bytes of files in a .beton file, without a mount.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/tree_option.h"
#include "tools/tree_reader.h"

namespace betonfs {
namespace {

struct CatOptions {
  std::string file;
  std::vector<std::string> paths;
  TreeKind tree = TreeKind::kAuto;
};

Status WriteToStdout(Bytes part) {
  if (std::fwrite(part.data(), 1, part.size(), stdout) == part.size()) return {};
  return FailErrno("standard output", errno);
}

int PrintFiles(const CatOptions& options) {
  const auto reader = TreeReader::Open(options.file, options.tree);
  if (!reader) return ReportError(reader.error());
  int exit_code = kExitOk;
  for (const std::string& path : options.paths) {
    const Status written = (*reader)->Find(path).and_then(
        [&](Ino file) { return (*reader)->ReadFile(file, WriteToStdout); });
    if (!written) exit_code = ReportError(written.error());
    if (std::ferror(stdout)) return exit_code;
  }
  return FinishOutput(exit_code);
}

}  // namespace

void AddCat(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<CatOptions>();
  CLI::App* cat = app.add_subcommand("cat", "Write files in a .beton file to standard output");
  cat->footer("Paths are those that 'betonfs ls' shows.  One that fails does not stop the rest.\n");
  cat->add_option("FILE", options->file, "a .beton file")->required();
  cat->add_option("PATH", options->paths, "files in it")->required();
  AddTreeOption(*cat, options->tree);
  cat->callback([options, &exit_code] { exit_code = PrintFiles(*options); });
}

}  // namespace betonfs
