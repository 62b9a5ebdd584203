// betonfs info: what is in a .beton file.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "core/dataset.h"
#include "core/dataset_summary.h"
#include "core/escape_name.h"
#include "fs/shards.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/human.h"

namespace betonfs {
namespace {

struct InfoOptions {
  std::string file;
  bool json = false;
};

constexpr size_t kMaxClassesShown = 10;

std::string RangeText(uint64_t least, uint64_t most) {
  return least == most ? std::to_string(least)
                       : std::to_string(least) + ".." + std::to_string(most);
}

std::string FieldText(const FieldSummary& field) {
  std::string text = EscapeName(field.name) + ": " + field.type;
  if (!field.dtype.empty()) {
    text += ' ' + EscapeName(field.dtype) + " of shape (";
    for (size_t i = 0; i < field.shape.size(); ++i) {
      text += (i > 0 ? ", " : "") + std::to_string(field.shape[i]);
    }
    text += ')';
  }
  if (field.num_jpeg > 0) text += ", " + HumanCount(field.num_jpeg) + " JPEG";
  if (field.num_raw > 0) text += ", " + HumanCount(field.num_raw) + " raw RGB";
  if (field.num_jpeg + field.num_raw > 0) {
    text += ", " + RangeText(field.min_width, field.max_width) + " x " +
            RangeText(field.min_height, field.max_height) + " pixels";
  }
  if (field.payload_bytes > 0) text += ", " + HumanBytes(field.payload_bytes);
  return text;
}

void PrintClasses(const DatasetSummary& summary) {
  if (summary.label_field.empty()) return;
  if (summary.has_too_many_classes) {
    std::printf("classes   more than %s values of '%s'\n", HumanCount(kMaxClasses).c_str(),
                EscapeName(summary.label_field).c_str());
    return;
  }
  std::printf("classes   %s values of '%s'\n", HumanCount(summary.classes.size()).c_str(),
              EscapeName(summary.label_field).c_str());
  for (size_t i = 0; i < std::min(summary.classes.size(), kMaxClassesShown); ++i) {
    const ClassSummary& one = summary.classes[i];
    const std::string where = one.first_path.empty()
                                  ? "sample " + std::to_string(Number(one.first_sample))
                                  : EscapeName(one.first_path);
    std::printf("  %12lld  %12s samples, the first is %s\n", static_cast<long long>(one.label),
                HumanCount(one.num_samples).c_str(), where.c_str());
  }
  if (summary.classes.size() > kMaxClassesShown) {
    std::printf("  and %s more (--json lists all)\n",
                HumanCount(summary.classes.size() - kMaxClassesShown).c_str());
  }
}

void PrintSizes(const DatasetSummary& summary) {
  const uint64_t most = *std::max_element(summary.sizes.begin(), summary.sizes.end());
  if (most == 0) return;
  std::printf("sizes     largest sample %s\n", HumanBytes(summary.largest_sample_bytes).c_str());
  for (size_t k = 0; k < summary.sizes.size(); ++k) {
    const uint64_t count = summary.sizes[k];
    if (count == 0) continue;
    constexpr uint64_t kBarWidth = 40;
    const auto width = static_cast<size_t>(static_cast<double>(count) / static_cast<double>(most) *
                                           double{kBarWidth});
    const std::string from = HumanBytes(k == 0 ? 0 : uint64_t{1} << (k - 1));
    std::printf("  from %10s  %12s  %s\n", from.c_str(), HumanCount(count).c_str(),
                std::string(std::max<size_t>(width, 1), '#').c_str());
  }
}

void PrintText(const DatasetSummary& summary) {
  std::printf("%s: %s, %s samples\n", EscapeName(summary.path).c_str(),
              HumanBytes(summary.file_size_bytes).c_str(), HumanCount(summary.num_samples).c_str());
  std::printf("fields    %s in rows of %s bytes\n", HumanCount(summary.fields.size()).c_str(),
              HumanCount(summary.row_size_bytes).c_str());
  for (const FieldSummary& field : summary.fields) std::printf("  %s\n", FieldText(field).c_str());
  std::printf("pages     %s of %s bytes, %.1f %% filled\n", HumanCount(summary.num_pages).c_str(),
              HumanCount(summary.page_size_bytes).c_str(), 100 * summary.fill());
  if (summary.num_oversize_samples > 0) {
    std::printf("          %s samples are larger than a page: FFCV needs os_cache=True\n",
                HumanCount(summary.num_oversize_samples).c_str());
  }
  if (summary.has_index) {
    std::printf("index     names in %s directories, %s\n",
                HumanCount(summary.num_directories).c_str(),
                HumanBytes(summary.index_size_bytes).c_str());
  } else if (summary.index_problem.empty()) {
    std::printf("index     none: written by FFCV, names are made from sample numbers\n");
  } else {
    std::printf("index     damaged: %s\n", EscapeMessage(summary.index_problem).c_str());
  }
  PrintClasses(summary);
  PrintSizes(summary);
  if (summary.num_bad_samples > 0) {
    std::printf("damaged   %s samples, the first: %s\n",
                HumanCount(summary.num_bad_samples).c_str(),
                EscapeMessage(summary.first_problem).c_str());
  }
}

int Info(const InfoOptions& options) {
  const auto shards = Shards::Open({options.file});
  if (!shards) return ReportError(shards.error());
  const DatasetSummary summary = Summarize(*(*shards)->all().front().dataset);
  if (options.json) {
    std::fputs(SummaryAsJson(summary).c_str(), stdout);
  } else {
    PrintText(summary);
  }
  const bool is_damaged = summary.num_bad_samples > 0 || !summary.index_problem.empty();
  return FinishOutput(is_damaged ? kExitDamage : kExitOk);
}

}  // namespace

void AddInfo(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<InfoOptions>();
  CLI::App* info = app.add_subcommand("info", "Show what a .beton file holds");
  info->footer(
      "Fields, pages and how full they are, classes, and a histogram of sample sizes.  Reads all\n"
      "of the tables and none of the data.  Exit status 1 if samples or the index are damaged;\n"
      "'betonfs check' looks at everything.\n");
  info->add_option("FILE", options->file, "a .beton file")->required();
  info->add_flag("--json", options->json, "one JSON object instead of text");
  info->callback([options, &exit_code] { exit_code = Info(*options); });
}

}  // namespace betonfs
