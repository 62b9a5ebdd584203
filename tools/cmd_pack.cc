// betonfs pack DIR OUT.beton
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/escape_name.h"
#include "core/pack.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/human.h"
#include "tools/interrupt.h"
#include "tools/progress.h"
#include "tools/write_options.h"

namespace betonfs {
namespace {

struct PackArguments {
  std::string directory;
  std::string target;
  std::string label = "auto";
  WriteCommandLine write;
  PackOptions options;
};

// A deep tree keeps a directory open for each level while it is listed.
void AllowManyOpenFiles() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);  // where it is refused the old limit will do for most trees
}

Status Complete(PackArguments& arguments) {
  PackOptions& options = arguments.options;
  ASSIGN_OR_RETURN(options.label, ParseLabelChoice(arguments.label));
  ASSIGN_OR_RETURN(const DatasetOptions dataset, ResolveWriteOptions(arguments.write));
  options.page_size_bytes = dataset.page_size_bytes;
  options.align_bytes = dataset.align_bytes;
  options.existing = dataset.existing;
  options.num_threads = dataset.write.num_threads;
  options.shuffle_seed = arguments.write.shuffle_seed;
  return {};
}

std::string Files(uint64_t count) { return HumanCount(count) + (count == 1 ? " file" : " files"); }

// "  'a', 'b' and 3 more"
void PrintNames(const char* indent, const std::vector<std::string>& names) {
  for (size_t i = 0; i < std::min(names.size(), kNamedAtMost); ++i) {
    std::printf("%s%s\n", indent, EscapeName(names[i]).c_str());
  }
  if (names.size() > kNamedAtMost) {
    std::printf("%sand %s more\n", indent, HumanCount(names.size() - kNamedAtMost).c_str());
  }
}

void PrintKinds(const PackReport& report) {
  if (report.kind == SchemaKind::kBytes) {
    std::printf("  field data: the bytes of every file\n");
    return;
  }
  std::printf("  field image: %s JPEGs as they are", HumanCount(report.num_jpegs).c_str());
  if (report.num_pngs > 0) {
    std::printf(", %s PNGs as raw RGB", HumanCount(report.num_pngs).c_str());
  }
  std::printf("\n");
  if (report.num_pngs_without_alpha > 0) {
    std::printf("  alpha dropped from %s\n", Files(report.num_pngs_without_alpha).c_str());
  }
  if (report.num_pngs_scaled_to_8_bit > 0) {
    std::printf("  16 bits scaled to 8 in %s\n", Files(report.num_pngs_scaled_to_8_bit).c_str());
  }
}

void PrintLabels(const PackReport& report, bool shuffled) {
  if (!report.has_labels) {
    std::printf("  no labels\n");
    return;
  }
  std::printf("  field label: %zu classes\n", report.classes.size());
  if (!shuffled && report.classes.size() > 1) {
    std::printf(
        "  samples are in the order of their paths, so a page holds few classes: for training in\n"
        "  page-local orders (QUASI_RANDOM) choose --shuffle SEED\n");
  }
}

void PrintOmissions(const PackReport& report) {
  if (!report.left_out.empty()) {
    std::printf("  left out, as --skip-non-jpeg says: %s\n", Files(report.left_out.size()).c_str());
    PrintNames("    ", report.left_out);
  }
  if (!report.oversize_paths.empty()) {
    std::printf(
        "  larger than a page, FFCV reads them with os_cache=True only (or choose a larger "
        "--page-size): %s\n",
        Files(report.oversize_paths.size()).c_str());
    PrintNames("    ", report.oversize_paths);
  }
}

// What the user must not miss goes to stderr, each entry by name.
void PrintWarnings(const PackReport& report) {
  for (const std::string& warning : report.warnings) {
    std::fprintf(stderr, "betonfs: warning: %s\n", warning.c_str());
  }
  for (const SkippedEntry& entry : report.skipped) {
    std::fprintf(stderr, "betonfs: skipped %s: %s\n", Describe(entry.reason),
                 EscapeName(entry.path).c_str());
  }
}

void PrintText(const PackArguments& arguments, const PackReport& report) {
  std::printf("%s: %s in %s directories, %s of %s in %s pages of %s\n",
              EscapeName(arguments.target).c_str(), Files(report.num_files).c_str(),
              HumanCount(report.num_directories).c_str(),
              HumanBytes(report.written.payload_bytes).c_str(),
              HumanBytes(report.written.file_size_bytes).c_str(),
              HumanCount(report.written.num_pages).c_str(),
              HumanBytes(report.written.page_size_bytes).c_str());
  PrintKinds(report);
  PrintLabels(report, arguments.options.shuffle_seed.has_value());
  PrintOmissions(report);
  if (!report.skipped.empty()) std::printf("  skipped: %zu entries\n", report.skipped.size());
}

void PrintJson(const PackArguments& arguments, const PackReport& report) {
  nlohmann::ordered_json skipped = nlohmann::ordered_json::array();
  for (const SkippedEntry& entry : report.skipped) {
    skipped.push_back({{"path", EscapeName(entry.path)}, {"reason", Describe(entry.reason)}});
  }
  const nlohmann::ordered_json json = {
      {"file", EscapeName(arguments.target)},
      {"num_samples", report.num_files},
      {"num_directories", report.num_directories},
      {"payload_bytes", report.written.payload_bytes},
      {"file_size_bytes", report.written.file_size_bytes},
      {"page_size_bytes", report.written.page_size_bytes},
      {"num_pages", report.written.num_pages},
      {"field", report.kind == SchemaKind::kImage ? "image" : "data"},
      {"num_jpegs", report.num_jpegs},
      {"num_pngs", report.num_pngs},
      {"num_pngs_without_alpha", report.num_pngs_without_alpha},
      {"num_pngs_scaled_to_8_bit", report.num_pngs_scaled_to_8_bit},
      {"has_labels", report.has_labels},
      {"classes", EscapeNames(report.classes)},
      {"oversize", EscapeNames(report.oversize_paths)},
      {"left_out", EscapeNames(report.left_out)},
      {"skipped", skipped},
      {"warnings", report.warnings}};
  std::printf("%s\n", json.dump(2).c_str());
}

Result<PackReport> RunPack(PackArguments& arguments) {
  RETURN_IF_ERROR(Complete(arguments));
  AllowManyOpenFiles();
  const Interrupt interrupt;
  std::unique_ptr<Progress> progress;
  PackOptions& options = arguments.options;
  options.cancel = &Interrupt::flag();
  options.on_planned = [&](uint64_t num_files, uint64_t payload_bytes) {
    progress.reset();  // wipes the bar of an attempt that was given up
    progress = std::make_unique<Progress>("pack", num_files, payload_bytes, arguments.write.json);
  };
  options.on_progress = [&](uint64_t num_files, uint64_t payload_bytes) {
    progress->Add(num_files, payload_bytes);
  };
  return Pack(arguments.directory, arguments.target, options);
}

// Entries the user asked to leave out are no surprise; those that cannot be stored are.
bool IsSurprise(const SkippedEntry& entry) {
  return entry.reason != SkipReason::kLink && entry.reason != SkipReason::kOutsideLink &&
         entry.reason != SkipReason::kOutput;
}

int PackCommand(PackArguments& arguments) {
  const auto report = RunPack(arguments);
  if (!report) return ReportError(report.error());
  PrintWarnings(*report);
  arguments.write.json ? PrintJson(arguments, *report) : PrintText(arguments, *report);
  const bool surprise = std::any_of(report->skipped.begin(), report->skipped.end(), IsSurprise);
  return surprise ? kExitSkipped : kExitOk;
}

void AddOptions(CLI::App& command, PackArguments& a) {
  command.add_option("DIR", a.directory, "The folder to pack")->required();
  command.add_option("FILE", a.target, "The .beton file to make")->required();
  command
      .add_option("--as", a.options.as,
                  "auto: images if every file is a JPEG, bytes if most are not;\n"
                  "image: JPEGs as they are, PNGs as raw RGB; bytes: every file as it is")
      ->transform(CLI::CheckedTransformer(std::map<std::string, PackAs>{
          {"auto", PackAs::kAuto}, {"image", PackAs::kImage}, {"bytes", PackAs::kBytes}}))
      ->option_text("auto|image|bytes");
  command.add_flag("--skip-non-jpeg", a.options.skip_non_jpeg,
                   "Leave out what FFCV could not decode, name it and go on");
  command
      .add_option("--label", a.label,
                  "auto: the top-level directory's rank, if files lie in directories;\n"
                  "dir:DEPTH: that of the directory at DEPTH (1 is the top level)")
      ->option_text("auto|none|dir:DEPTH");
  command
      .add_option("--symlinks", a.options.symlinks,
                  "follow what links point at, only what lies inside DIR, or skip links")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, SymlinkPolicy>{{"follow", SymlinkPolicy::kFollow},
                                               {"inside", SymlinkPolicy::kInside},
                                               {"skip", SymlinkPolicy::kSkip}}))
      ->option_text("follow|inside|skip");
  AddWriteOptions(command, "FILE", a.write);
}

}  // namespace

void AddPack(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("pack", "Pack a folder into a .beton file");
  const auto arguments = std::make_shared<PackArguments>();
  AddOptions(*command, *arguments);
  command->footer(
      "The same folder gives the same bytes at any number of threads.  Exit status 8: done, but\n"
      "dangling links, sockets, fifos or devices were skipped; each is named on stderr.");
  command->callback([arguments, &exit_code] { exit_code = PackCommand(*arguments); });
}

}  // namespace betonfs
