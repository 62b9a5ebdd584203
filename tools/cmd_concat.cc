// betonfs concat A.beton B.beton ... OUT.beton
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "core/concat.h"
#include "core/escape_name.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/human.h"
#include "tools/interrupt.h"
#include "tools/progress.h"

namespace betonfs {
namespace {

struct ConcatArguments {
  std::vector<std::string> files;  // the last is the output
  bool force = false;
  bool no_verify = false;
};

uint64_t TotalBytes(const std::vector<std::string>& paths) {
  uint64_t total = 0;
  for (const std::string& path : paths) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (!error) total += size;
  }
  return total;
}

int ConcatCommand(const ConcatArguments& arguments) {
  std::vector<std::string> inputs = arguments.files;
  const std::string target = std::move(inputs.back());
  inputs.pop_back();
  const Interrupt interrupt;
  ConcatOptions options;
  options.cancel = &Interrupt::flag();
  options.verify = !arguments.no_verify;
  if (arguments.force) options.existing = ReplacementFile::Existing::kReplace;
  Result<ConcatReport> report = Fail(ErrorKind::kCancelled, "");
  {
    Progress progress("concat", inputs.size(), TotalBytes(inputs) * (options.verify ? 2 : 1));
    options.on_progress = [&](uint64_t payload_bytes) { progress.Add(0, payload_bytes); };
    report = Concat(inputs, target, options);
  }
  if (!report) return ReportError(report.error());
  for (const std::string& warning : report->warnings) {
    std::fprintf(stderr, "betonfs: warning: %s\n", warning.c_str());
  }
  std::printf("%s: %s samples of %zu files in %s, pages of %s\n", EscapeName(target).c_str(),
              HumanCount(report->num_samples).c_str(), inputs.size(),
              HumanBytes(report->file_size_bytes).c_str(),
              HumanBytes(report->page_size_bytes).c_str());
  return kExitOk;
}

}  // namespace

void AddConcat(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("concat", "Join .beton files into one");
  const auto arguments = std::make_shared<ConcatArguments>();
  command->add_option("FILES", arguments->files, "The files to join, and last the file to make")
      ->required()
      ->expected(2, 1 << 20);
  command->add_flag("-f,--force", arguments->force, "Replace the output if it exists");
  command->add_flag("--no-verify", arguments->no_verify,
                    "Copy without reading every byte of the inputs first");
  command->footer(
      "All inputs have the same fields and their stored names are merged into one tree; a path\n"
      "that is in two of them is an error that names both.  Pages are copied as they are.\n"
      "An input with any damage is refused, since the output's checksums would vouch for it.");
  command->callback([arguments, &exit_code] { exit_code = ConcatCommand(*arguments); });
}

}  // namespace betonfs
