#include "core/pack.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <utility>

#include "core/escape_name.h"
#include "core/file_inspector.h"
#include "core/pack_source.h"
#include "core/parallel.h"
#include "core/shuffle.h"
#include "core/tree_opener.h"

namespace betonfs {
namespace {

constexpr int kMaxAttempts = 3;
constexpr size_t kInspectChunk = 64;

// Looks into every file.
Result<std::vector<FileFact>> InspectAll(const FileTree& tree, const PackOptions& options) {
  std::vector<FileFact> facts(tree.files().size());
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::optional<Error> error;
  const auto inspect_file = [&](size_t i, TreeOpener& opener, FileInspector& inspector) -> Status {
    const WalkedFile& file = tree.files()[i];
    ASSIGN_OR_RETURN(const UniqueFd fd, opener.Open(file));
    ASSIGN_OR_RETURN(facts[i],
                     inspector.Inspect(file.size_bytes, fd.get(), opener.NameForPeople(file)));
    return {};
  };
  RunOnThreads(options.num_threads, [&](unsigned) {
    TreeOpener opener(tree);
    FileInspector inspector;
    while (true) {
      const size_t first = next.fetch_add(kInspectChunk);
      if (first >= facts.size()) return;
      for (size_t i = first; i < std::min(first + kInspectChunk, facts.size()); ++i) {
        Status status = inspect_file(i, opener, inspector);
        if (status && options.cancel != nullptr && *options.cancel) {
          status = Fail(ErrorKind::kCancelled, "interrupted while looking at the files");
        }
        if (status) continue;
        const std::lock_guard lock(mutex);
        if (!error) error = std::move(status).error();
        next = facts.size();
        return;
      }
    }
  });
  if (error) return tl::unexpected(*std::move(error));
  return facts;
}

// What the names suggest, where that is enough to begin with.
std::optional<SchemaKind> GuessKind(const FileTree& tree, const PackOptions& options) {
  if (options.as == PackAs::kBytes) return SchemaKind::kBytes;
  if (options.skip_non_jpeg) return std::nullopt;
  const auto num_named =
      std::count_if(tree.files().begin(), tree.files().end(),
                    [&](const WalkedFile& file) { return IsNamedJpeg(tree.NameOf(file)); });
  switch (GuessByNames(tree.files().size(), static_cast<uint64_t>(num_named))) {
    case NameGuess::kImage:
      return SchemaKind::kImage;
    case NameGuess::kBytes:
      if (options.as == PackAs::kImage) return std::nullopt;
      return SchemaKind::kBytes;
    case NameGuess::kUnclear:
      break;
  }
  return std::nullopt;
}

Result<Labels> LabelsOf(const FileTree& tree, const std::vector<uint32_t>& files,
                        const LabelChoice& choice) {
  std::vector<LabelDirectory> directories;
  directories.reserve(tree.directories().size());
  for (const WalkedDirectory& directory : tree.directories()) {
    directories.push_back({directory.parent, tree.NameOf(directory), 0});
  }
  for (const uint32_t file : files) ++directories[tree.files()[file].directory].num_files;
  return AssignLabels(choice, directories);
}

class Packer {
 public:
  Packer(const std::string& target, const PackOptions& options, const FileTree& tree)
      : target_(target), options_(options), tree_(tree) {}

  // By the names first; where the contents disagree, again with facts.
  Result<PackReport> Run() {
    if (const auto guess = GuessKind(tree_, options_)) {
      ASSIGN_OR_RETURN(PackPlan plan, PlanGuessed(*guess));
      PackSource source(tree_, std::move(plan));
      auto report = Write(source);
      if (report || !source.guess_was_wrong()) return report;
    }
    ASSIGN_OR_RETURN(PackPlan plan, PlanWithFacts());
    PackSource source(tree_, std::move(plan));
    return Write(source);
  }

 private:
  Result<PackPlan> PlanGuessed(SchemaKind kind) {
    PackPlan plan;
    plan.kind = kind;
    plan.look_at_bytes = options_.as == PackAs::kAuto;
    if (options_.as == PackAs::kBytes) {
      RETURN_IF_ERROR(ChooseSchema(options_.as, options_.skip_non_jpeg, FileFacts()));
    }
    plan.order.resize(tree_.files().size());
    std::iota(plan.order.begin(), plan.order.end(), 0);
    return Finish(std::move(plan));
  }

  Result<PackPlan> PlanWithFacts() {
    PackPlan plan;
    ASSIGN_OR_RETURN(plan.facts, InspectAll(tree_, options_));
    FileFacts counted;
    for (uint32_t i = 0; i < plan.facts.size(); ++i) {
      const FileKind kind = plan.facts[i].kind;
      const std::string path = kind == FileKind::kJpeg ? "" : tree_.PathOf(tree_.files()[i]);
      counted.Add(kind, EscapeName(path));
      if (IsLeftOut(kind, options_.as, options_.skip_non_jpeg)) {
        left_out_.push_back(path);
      } else {
        plan.order.push_back(i);
      }
    }
    ASSIGN_OR_RETURN(plan.kind, ChooseSchema(options_.as, options_.skip_non_jpeg, counted));
    return Finish(std::move(plan));
  }

  Result<PackPlan> Finish(PackPlan plan) {
    ASSIGN_OR_RETURN(plan.labels, LabelsOf(tree_, plan.order, options_.label));
    if (options_.shuffle_seed) Shuffle(plan.order, *options_.shuffle_seed);
    return plan;
  }

  Result<PackReport> Write(PackSource& source) {
    const auto sizes = source.payload_sizes();
    if (options_.on_planned) {
      options_.on_planned(sizes.size(), std::accumulate(sizes.begin(), sizes.end(), uint64_t{0}));
    }
    const DatasetOptions dataset{.page_size_bytes = options_.page_size_bytes,
                                 .align_bytes = options_.align_bytes,
                                 .existing = options_.existing,
                                 .write = {.num_threads = options_.num_threads,
                                           .cancel = options_.cancel,
                                           .on_progress = options_.on_progress}};
    ASSIGN_OR_RETURN(WrittenDataset written, WriteDataset(target_, source, dataset));
    return ReportOn(source, std::move(written));
  }

  PackReport ReportOn(const PackSource& source, WrittenDataset written) {
    const PackPlan& plan = source.plan();
    PackReport report{.written = std::move(written),
                      .kind = plan.kind,
                      .num_files = source.num_samples(),
                      .num_directories = tree_.directories().size() - 1,
                      .num_pngs_without_alpha = source.num_without_alpha(),
                      .num_pngs_scaled_to_8_bit = source.num_scaled_to_8_bit(),
                      .has_labels = plan.labels.has_labels,
                      .classes = plan.labels.classes,
                      .warnings = plan.labels.warnings,
                      .skipped = tree_.skipped(),
                      .left_out = std::move(left_out_),
                      .oversize_paths = {}};
    if (plan.kind == SchemaKind::kImage) {
      for (const uint32_t file : plan.order) {
        const bool is_png = !plan.facts.empty() && plan.facts[file].kind == FileKind::kPng;
        ++(is_png ? report.num_pngs : report.num_jpegs);
      }
    }
    for (const SampleIndex sample : report.written.oversize_samples) {
      report.oversize_paths.push_back(tree_.PathOf(source.FileOf(sample)));
    }
    return report;
  }

  const std::string& target_;
  const PackOptions& options_;
  const FileTree& tree_;
  std::vector<std::string> left_out_;
};

Result<PackReport> PackOnce(const std::string& directory, const std::string& target,
                            const PackOptions& options) {
  WalkOptions walk{
      .symlinks = options.symlinks, .num_threads = options.num_threads, .cancel = options.cancel};
  if (const auto output = IdentityOf(target)) {
    if (options.existing == ReplacementFile::Existing::kRefuse) {
      return Fail(ErrorKind::kExists, target + ": exists already");
    }
    walk.output = *output;
  }
  ASSIGN_OR_RETURN(const FileTree tree, Walk(directory, walk));
  return Packer(target, options, tree).Run();
}

}  // namespace

Result<PackReport> Pack(const std::string& directory, const std::string& target,
                        const PackOptions& options) {
  std::vector<std::string> changes;
  while (true) {
    auto report = PackOnce(directory, target, options);
    const bool changed = !report && report.error().kind == ErrorKind::kChanged;
    if (changed) changes.push_back(report.error().message);
    if (changed && changes.size() < kMaxAttempts) continue;
    if (report) {
      for (std::string& change : changes) {
        report->warnings.push_back(std::move(change) + "; packed again from the start");
      }
    }
    return report;
  }
}

}  // namespace betonfs
