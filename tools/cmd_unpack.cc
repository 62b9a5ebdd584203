// betonfs unpack: the folder that a .beton file was made from, again.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "core/escape_name.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/human.h"
#include "tools/interrupt.h"
#include "tools/progress.h"
#include "tools/tree_option.h"
#include "tools/unpack.h"

namespace betonfs {
namespace {

struct UnpackCommand {
  std::string file;
  std::string directory;
  TreeKind tree = TreeKind::kAuto;
  UnpackOptions options;
  bool quiet = false;
};

int RunUnpack(UnpackCommand command) {
  const auto reader = TreeReader::Open(command.file, command.tree);
  if (!reader) return ReportError(reader.error());
  const Interrupt interrupt;
  const Dataset& dataset = (*reader)->dataset();
  Progress progress("unpack", dataset.num_samples(), dataset.pages().size, command.quiet);
  command.options.cancel = &Interrupt::flag();
  command.options.on_progress = [&](uint64_t files, uint64_t size) { progress.Add(files, size); };
  command.options.on_failure = [](const std::string& path, const Error& error) {
    std::fprintf(stderr, "betonfs: not restored: %s: %s\n", EscapeName(path).c_str(),
                 EscapeMessage(error.message).c_str());
  };
  const auto report = Unpack(**reader, command.directory, command.options);
  if (!report) return ReportError(report.error());
  if (!command.quiet) {
    std::printf("%s files and %s directories, %s\n", HumanCount(report->num_files).c_str(),
                HumanCount(report->num_directories).c_str(),
                HumanBytes(report->size_bytes).c_str());
  }
  if (report->num_failed > 0) {
    std::fprintf(stderr, "betonfs: %s: %s files could not be restored\n",
                 EscapeName(command.file).c_str(), HumanCount(report->num_failed).c_str());
  }
  return FinishOutput(report->num_failed > 0 ? kExitDamage : kExitOk);
}

}  // namespace

void AddUnpack(CLI::App& app, int& exit_code) {
  const auto command = std::make_shared<UnpackCommand>();
  CLI::App* unpack = app.add_subcommand("unpack", "Write all files of a .beton file into a folder");
  unpack->footer(
      "The folder is made if it is not there, and refused if it is not empty.  Modes and times "
      "are\n"
      "restored, contents compared with their checksums.  A damaged sample is named and left out,\n"
      "the rest is restored, and the exit status is 1.\n");
  unpack->add_option("FILE", command->file, "a .beton file")->required();
  unpack->add_option("DIR", command->directory, "where to")->required();
  unpack->add_flag("--force", command->options.force,
                   "unpack into a folder that is not empty, replacing files");
  unpack->add_option("--threads", command->options.num_threads,
                     "how many files are written at a time; one per processor if left out");
  unpack->add_flag("-q,--quiet", command->quiet, "no progress, no summary");
  AddTreeOption(*unpack, command->tree);
  unpack->callback([command, &exit_code] { exit_code = RunUnpack(*command); });
}

}  // namespace betonfs
