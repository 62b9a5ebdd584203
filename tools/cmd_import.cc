// betonfs import SHARD.tar ... OUT.beton, betonfs import MANIFEST.csv OUT.beton
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/escape_name.h"
#include "core/import.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/human.h"
#include "tools/interrupt.h"
#include "tools/progress.h"
#include "tools/write_options.h"

namespace betonfs {
namespace {

struct ImportArguments {
  std::vector<std::string> files;  // the last is the output
  WriteCommandLine write;
};

void PrintText(const std::string& target, const ImportReport& report) {
  std::printf("%s: %s samples, %s in pages of %s\n", EscapeName(target).c_str(),
              HumanCount(report.num_samples).c_str(),
              HumanBytes(report.written.file_size_bytes).c_str(),
              HumanBytes(report.written.page_size_bytes).c_str());
  for (const std::string& field : report.fields) std::printf("  %s\n", EscapeName(field).c_str());
  for (size_t i = 0; i < report.classes.size(); ++i) {
    std::printf("  label %zu: %s\n", i, EscapeName(report.classes[i]).c_str());
  }
  const auto& oversize = report.oversize_names;
  if (oversize.empty()) return;
  std::printf(
      "  larger than a page, FFCV reads them with os_cache=True only (or choose a larger "
      "--page-size): %s\n",
      HumanCount(oversize.size()).c_str());
  for (size_t i = 0; i < std::min(oversize.size(), kNamedAtMost); ++i) {
    std::printf("    %s\n", EscapeName(oversize[i]).c_str());
  }
}

void PrintJson(const std::string& target, const ImportReport& report) {
  const nlohmann::ordered_json json = {{"file", EscapeName(target)},
                                       {"num_samples", report.num_samples},
                                       {"payload_bytes", report.written.payload_bytes},
                                       {"file_size_bytes", report.written.file_size_bytes},
                                       {"page_size_bytes", report.written.page_size_bytes},
                                       {"num_pages", report.written.num_pages},
                                       {"fields", EscapeNames(report.fields)},
                                       {"classes", EscapeNames(report.classes)},
                                       {"oversize", EscapeNames(report.oversize_names)}};
  std::printf("%s\n", json.dump(2).c_str());
}

Result<ImportReport> RunImport(const ImportArguments& arguments,
                               const std::vector<std::string>& sources, const std::string& target) {
  const Interrupt interrupt;
  std::unique_ptr<Progress> progress;
  ImportOptions options;
  ASSIGN_OR_RETURN(options.dataset, ResolveWriteOptions(arguments.write));
  options.shuffle_seed = arguments.write.shuffle_seed;
  options.dataset.write.cancel = &Interrupt::flag();
  options.on_planned = [&](uint64_t num_samples, uint64_t payload_bytes) {
    progress =
        std::make_unique<Progress>("import", num_samples, payload_bytes, arguments.write.json);
  };
  options.dataset.write.on_progress = [&](uint64_t num_samples, uint64_t payload_bytes) {
    progress->Add(num_samples, payload_bytes);
  };
  return Import(sources, target, options);
}

int ImportCommand(const ImportArguments& arguments) {
  std::vector<std::string> sources = arguments.files;
  const std::string target = std::move(sources.back());
  sources.pop_back();
  const auto report = RunImport(arguments, sources, target);
  if (!report) return ReportError(report.error());
  arguments.write.json ? PrintJson(target, *report) : PrintText(target, *report);
  return kExitOk;
}

}  // namespace

void AddImport(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("import", "Make a .beton file of WebDataset shards or a manifest");
  const auto arguments = std::make_shared<ImportArguments>();
  command
      ->add_option("FILES", arguments->files,
                   "WebDataset shards (.tar), or one manifest (.csv, .jsonl), and last the file "
                   "to make")
      ->required()
      ->expected(2, 1 << 20);
  AddWriteOptions(*command, "the output", arguments->write);
  command->footer(
      "Shards: jpg, jpeg and png members become `image`, cls `label`, json JSON, others bytes.\n"
      "Manifests: file_name names each sample's file; other columns become Int, Float or JSON,\n"
      "a textual label the rank of its name.");
  command->callback([arguments, &exit_code] { exit_code = ImportCommand(*arguments); });
}

}  // namespace betonfs
