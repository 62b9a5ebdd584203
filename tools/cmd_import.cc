// betonfs import SHARD.tar ... OUT.beton, betonfs import MANIFEST.csv OUT.beton
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "core/escape_name.h"
#include "core/import.h"
#include "core/parallel.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/human.h"
#include "tools/interrupt.h"
#include "tools/progress.h"

namespace betonfs {
namespace {

struct Arguments {
  std::vector<std::string> files;  // the last is the output
  bool force = false;
};

int ImportCommand(const Arguments& arguments) {
  std::vector<std::string> sources = arguments.files;
  const std::string target = std::move(sources.back());
  sources.pop_back();
  const Interrupt interrupt;
  std::unique_ptr<Progress> progress;
  ImportOptions options;
  options.dataset.write.num_threads = DefaultNumThreads();
  options.dataset.write.cancel = &Interrupt::flag();
  if (arguments.force) options.dataset.existing = ReplacementFile::Existing::kReplace;
  options.on_planned = [&](uint64_t num_samples, uint64_t payload_bytes) {
    progress = std::make_unique<Progress>("import", num_samples, payload_bytes);
  };
  options.dataset.write.on_progress = [&](uint64_t num_samples, uint64_t payload_bytes) {
    progress->Add(num_samples, payload_bytes);
  };
  const auto report = Import(sources, target, options);
  progress.reset();
  if (!report) return ReportError(report.error());
  std::printf("%s: %s samples, %s in pages of %s\n", EscapeName(target).c_str(),
              HumanCount(report->num_samples).c_str(),
              HumanBytes(report->written.file_size_bytes).c_str(),
              HumanBytes(report->written.page_size_bytes).c_str());
  for (const std::string& field : report->fields) std::printf("  %s\n", field.c_str());
  for (size_t i = 0; i < report->classes.size(); ++i) {
    std::printf("  label %zu: %s\n", i, EscapeName(report->classes[i]).c_str());
  }
  return kExitOk;
}

}  // namespace

void AddImport(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("import", "Make a .beton file of WebDataset shards or a manifest");
  const auto arguments = std::make_shared<Arguments>();
  command
      ->add_option("FILES", arguments->files,
                   "WebDataset shards (.tar), or one manifest (.csv, .jsonl), and last the file "
                   "to make")
      ->required()
      ->expected(2, 1 << 20);
  command->add_flag("-f,--force", arguments->force, "Replace the output if it exists");
  command->footer(
      "Shards: jpg, jpeg and png members become `image`, cls `label`, json JSON, others bytes.\n"
      "Manifests: file_name names each sample's file; other columns become Int, Float or JSON,\n"
      "a textual label the rank of its name.");
  command->callback([arguments, &exit_code] { exit_code = ImportCommand(*arguments); });
}

}  // namespace betonfs
