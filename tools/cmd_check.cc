// betonfs check: what is wrong with a .beton file, and what FFCV will make of it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "core/check.h"
#include "core/dataset.h"
#include "core/ffcv_check.h"
#include "core/text.h"
#include "fs/shards.h"
#include "fs/sigbus_guard.h"
#include "tools/check_report.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/interrupt.h"
#include "tools/progress.h"

namespace betonfs {
namespace {

struct CheckCommand {
  std::string file;
  bool json = false;
  bool ffcv = false;
  bool decode = false;
  bool quiet = false;
  unsigned num_threads = 0;
  uint64_t max_findings = 1000;
};

// Runs `check` with what both checks need; they share the names of their options.
template <class Options, class Report>
Result<Report> Run(const CheckCommand& command, const char* verb, const Dataset& dataset,
                   Result<Report> (*check)(const Dataset&, const Options&), Options options) {
  Progress progress(verb, dataset.num_samples(), dataset.pages().size, command.quiet);
  options.num_threads = command.num_threads;
  options.max_findings = command.max_findings;
  options.cancel = &Interrupt::flag();
  options.progress = [&](uint64_t samples, uint64_t size) { progress.Add(samples, size); };
  return check(dataset, options);
}

// The guard of the mapping puts zeros where the file cannot be read, and the check goes on:
// whatever lies there fails its own test.  This says why.
void ReportLostPages(uint64_t num_lost_pages, const std::string& path, CheckReport& report) {
  if (num_lost_pages == 0) return;
  Finding finding;
  finding.severity = Severity::kDamage;
  finding.kind = "unreadable";
  finding.message = Cat(path, ": ", num_lost_pages,
                        " pages cannot be read (the file was cut short, or its device fails)");
  report.findings.insert(report.findings.begin(), std::move(finding));
  ++report.num_findings;
  ++report.num_damages;
}

int Check(const CheckCommand& command) {
  const auto shards = Shards::Open({command.file});
  if (!shards) return ReportError(shards.error());
  const Dataset& dataset = *(*shards)->all().front().dataset;
  const uint64_t lost_before = NumLostPages();
  const Interrupt interrupt;
  auto report = Run(command, "check", dataset, betonfs::Check, CheckOptions{});
  if (!report) return ReportError(report.error());
  ReportLostPages(NumLostPages() - lost_before, command.file, *report);
  std::optional<FfcvReport> ffcv;
  if (command.ffcv || command.decode) {
    FfcvCheckOptions options;
    options.decode = command.decode;
    auto result = Run(command, "ffcv", dataset, CheckForFfcv, options);
    if (!result) return ReportError(result.error());
    ffcv = std::move(*result);
  }
  if (command.json) {
    std::fputs(CheckReportsAsJson(command.file, *report, ffcv).c_str(), stdout);
  } else {
    std::fputs(CheckReportText(command.file, *report).c_str(), stdout);
    if (ffcv) std::fputs(FfcvReportText(*ffcv).c_str(), stdout);
  }
  const bool is_good = report->num_damages == 0 && (!ffcv || IsFitForFfcv(*ffcv));
  return FinishOutput(is_good ? kExitOk : kExitDamage);
}

}  // namespace

void AddCheck(CLI::App& app, int& exit_code) {
  const auto command = std::make_shared<CheckCommand>();
  CLI::App* check = app.add_subcommand("check", "Find damage in a .beton file");
  check->footer(
      "Looks at the structure of any .beton file, and at every byte of one made by betonfs, which\n"
      "has checksums.  Each damaged sample is named.\n"
      "Exit status: 0 no damage, 1 damage, 3 the file cannot be read as a .beton at all.  With\n"
      "--ffcv 1 also if FFCV does not load it, no mode works, or an image would come out wrong.\n");
  check->add_option("FILE", command->file, "a .beton file")->required();
  check->add_flag("--json", command->json, "one JSON object instead of text");
  check->add_flag("--ffcv", command->ffcv,
                  "say which modes and decoders of FFCV work on it, and why others do not");
  check->add_flag("--decode", command->decode, "with --ffcv, decode every image as FFCV would");
  check->add_flag("-q,--quiet", command->quiet, "no progress");
  check->add_option("--threads", command->num_threads,
                    "how many samples are checked at a time; one per processor if left out");
  check->add_option("--max-findings", command->max_findings, "print no more; the rest is counted")
      ->capture_default_str();
  check->callback([command, &exit_code] { exit_code = Check(*command); });
}

}  // namespace betonfs
