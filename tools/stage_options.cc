#include "tools/stage_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "tools/commands.h"
#include "tools/exit_codes.h"

namespace betonfs {

void AddCommitOptions(CLI::App& command, CommitCommandLine& line) {
  command.add_option("--as", line.as, "which field: images, bytes, or what the files are")
      ->check(CLI::IsMember({"auto", "image", "bytes"}));
  command.add_option("--label", line.label,
                     "class labels: auto (top-level directory), none, dir:DEPTH");
  command.add_flag("--skip-non-jpeg", line.skip_non_jpeg,
                   "store images and leave out what is no JPEG");
  auto* compact = command.add_flag("--compact", line.compact,
                                   "write all pages anew, without the bytes of removed files");
  command
      .add_flag("--no-compact", line.no_compact,
                "never do that, even if more than a quarter is dead")
      ->excludes(compact);
  command
      .add_option_function<uint64_t>(
          "--shuffle",
          [&line](const uint64_t& seed) {
            line.seed = seed;
            line.has_seed = true;
          },
          "write all pages anew, samples in shuffled order")
      ->type_name("SEED");
}

Result<CommitOptions> ResolveCommit(const CommitCommandLine& line) {
  CommitOptions options;
  options.plan.as = line.as == "image"   ? PackAs::kImage
                    : line.as == "bytes" ? PackAs::kBytes
                                         : PackAs::kAuto;
  options.plan.skip_non_jpeg = line.skip_non_jpeg;
  ASSIGN_OR_RETURN(options.plan.labels, ParseLabelChoice(line.label));
  if (line.compact) options.compact = CommitOptions::Compact::kAlways;
  if (line.no_compact) options.compact = CommitOptions::Compact::kNever;
  if (line.has_seed) options.shuffle_seed = line.seed;
  options.dry_run = line.dry_run;
  return options;
}

int PrintReport(const CommitReport& report, bool json) {
  std::fputs(json ? report.ToJson().c_str() : report.ToText().c_str(), stdout);
  const bool left_out = !report.skipped.empty() ||
                        std::any_of(report.links.begin(), report.links.end(),
                                    [](const PlannedLink& link) { return !link.followed; });
  return FinishOutput(left_out ? kExitSkipped : kExitOk);
}

}  // namespace betonfs
