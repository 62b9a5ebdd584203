#include "fs/staging_control.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "core/escape_name.h"
#include "core/text.h"
#include "fs/log.h"

namespace betonfs {
namespace {

using nlohmann::json;

constexpr fuse_ino_t kStatus = StagingControl::kDirectory + 1;
constexpr fuse_ino_t kCommit = StagingControl::kDirectory + 2;
constexpr fuse_ino_t kPid = StagingControl::kDirectory + 3;

std::string Dump(const json& document) {
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

// One of the names, or an error that lists them.
Result<size_t> ChoiceOf(const json& value, const std::string& key,
                        std::initializer_list<const char*> names) {
  std::string all;
  size_t number = 0;
  for (const char* name : names) {
    if (value == name) return number;
    all += Cat(all.empty() ? "" : ", ", name);
    ++number;
  }
  return Fail(ErrorKind::kInvalidArgument,
              Cat("commit: ", key, " is ", value.dump(), ", expected one of ", all));
}

Result<bool> BoolOf(const json& value, const std::string& key) {
  if (value.is_boolean()) return value.get<bool>();
  return Fail(ErrorKind::kInvalidArgument,
              Cat("commit: ", key, " is ", value.dump(), ", expected true or false"));
}

Status TakeOption(const std::string& key, const json& value, CommitOptions& options) {
  if (key == "as") {
    ASSIGN_OR_RETURN(const size_t as, ChoiceOf(value, key, {"auto", "image", "bytes"}));
    options.plan.as = static_cast<PackAs>(as);
  } else if (key == "compact") {
    ASSIGN_OR_RETURN(const size_t compact, ChoiceOf(value, key, {"auto", "always", "never"}));
    options.compact = static_cast<CommitOptions::Compact>(compact);
  } else if (key == "label" && value.is_string()) {
    ASSIGN_OR_RETURN(options.plan.labels, ParseLabelChoice(value.get<std::string>()));
  } else if (key == "skip_non_jpeg") {
    ASSIGN_OR_RETURN(options.plan.skip_non_jpeg, BoolOf(value, key));
  } else if (key == "dry_run") {
    ASSIGN_OR_RETURN(options.dry_run, BoolOf(value, key));
  } else if (key == "shuffle" && value.is_number_unsigned()) {
    options.shuffle_seed = value.get<uint64_t>();
  } else {
    return Fail(ErrorKind::kInvalidArgument, Cat("commit: cannot use ", key, " ", value.dump()));
  }
  return {};
}

std::string LabelText(const LabelChoice& choice) {
  switch (choice.mode) {
    case LabelChoice::Mode::kAuto:
      return "auto";
    case LabelChoice::Mode::kNone:
      return "none";
    case LabelChoice::Mode::kDirectory:
      return Cat("dir:", choice.depth);
  }
  return "auto";
}

ErrorKind KindNamed(const std::string& name) {
  constexpr ErrorKind kKinds[] = {
      ErrorKind::kInvalidArgument, ErrorKind::kNotFound,  ErrorKind::kExists,
      ErrorKind::kPermission,      ErrorKind::kBusy,      ErrorKind::kTruncated,
      ErrorKind::kUnsupported,     ErrorKind::kCorrupt,   ErrorKind::kChanged,
      ErrorKind::kNoSpace,         ErrorKind::kCancelled, ErrorKind::kIo};
  for (const ErrorKind kind : kKinds) {
    if (name == KindName(kind)) return kind;
  }
  return ErrorKind::kIo;
}

}  // namespace

Result<CommitOptions> ParseCommitRequest(std::string_view text) {
  CommitOptions options;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return options;
  const json request = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!request.is_object()) {
    return Fail(ErrorKind::kInvalidArgument, "commit: the request is not a JSON object");
  }
  for (const auto& [key, value] : request.items()) {
    RETURN_IF_ERROR(TakeOption(key, value, options));
  }
  return options;
}

std::string FormatCommitRequest(const CommitOptions& options) {
  constexpr const char* kAs[] = {"auto", "image", "bytes"};
  constexpr const char* kCompact[] = {"auto", "always", "never"};
  json request = {{"as", kAs[static_cast<size_t>(options.plan.as)]},
                  {"skip_non_jpeg", options.plan.skip_non_jpeg},
                  {"label", LabelText(options.plan.labels)},
                  {"compact", kCompact[static_cast<size_t>(options.compact)]},
                  {"dry_run", options.dry_run}};
  if (options.shuffle_seed) request["shuffle"] = *options.shuffle_seed;
  return Dump(request);
}

std::string FormatCommitError(const Error& error) {
  return Dump(
      {{"error",
        {{"kind", KindName(error.kind)}, {"message", error.message}, {"errno", error.sys_errno}}}});
}

Result<CommitReport> ParseCommitDocument(const std::string& text) {
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("error")) return CommitReport::FromJson(text);
  try {
    const json& error = document["error"];
    return Fail(KindNamed(error.value("kind", "io")), error.value("message", "commit failed"),
                error.value("errno", 0));
  } catch (const json::exception& error) {  // values of other types
    return Fail(ErrorKind::kCorrupt, Cat("not the error of a commit: ", error.what()));
  }
}

const std::vector<StagingControl::Name>& StagingControl::Names() {
  static const std::vector<Name> names = {{"status", kStatus}, {"commit", kCommit}, {"pid", kPid}};
  return names;
}

fuse_ino_t StagingControl::Find(std::string_view name) {
  for (const Name& known : Names()) {
    if (known.name == name) return known.ino;
  }
  return 0;
}

struct stat StagingControl::StatOf(fuse_ino_t ino, uid_t uid, gid_t gid) const {
  struct stat stat {};
  stat.st_ino = ino;
  stat.st_uid = uid;
  stat.st_gid = gid;
  stat.st_nlink = ino == kDirectory ? 2 : 1;
  stat.st_mode = ino == kDirectory ? S_IFDIR | 0555 : S_IFREG | (ino == kCommit ? 0644 : 0444);
  return stat;
}

std::string StagingControl::StatusDocument() {
  // Asked while a commit runs, the figures would wait for it; where it stands is what matters then.
  const auto phase = progress_.phase.load();
  json document = {{"commit",
                    {{"phase", CommitProgress::Name(phase)},
                     {"done_bytes", progress_.done.load()},
                     {"total_bytes", progress_.total.load()}}},
                   {"dataset", area_.beton_path()},
                   {"commit_on_unmount", commits_on_unmount_},
                   {"work_area", area_.dir()}};
  for (size_t i = 0; i < kNumOpKinds; ++i) {
    const auto kind = static_cast<OpKind>(i);
    const OpStats::Counters requests = stats_.Totals(kind);
    if (requests.count > 0) document["requests"][OpName(kind)] = requests.count;
  }
  if (phase == CommitProgress::Phase::kIdle) {
    const StageStatus figures = area_.Figures();
    document["files"] = figures.num_files;
    document["directories"] = figures.num_directories;
    document["symlinks"] = figures.num_symlinks;
    document["bytes"] = figures.file_bytes;
    document["uncommitted_changes"] = figures.num_changes;
    document["dead_bytes"] = figures.dead_bytes;
    document["journal_bytes"] = figures.journal_bytes;
    document["memory"] = {{"tree_bytes", figures.tree_memory_bytes},
                          {"buffered_bytes", figures.buffered_bytes}};
    document["generation"] = figures.generation;
  }
  return Dump(document);
}

std::string StagingControl::LastCommitDocument() {
  const std::lock_guard lock(report_mutex_);
  return last_report_;
}

std::string StagingControl::Contents(fuse_ino_t ino) {
  if (ino == kStatus) return StatusDocument();
  if (ino == kCommit) return LastCommitDocument();
  if (ino == kPid) return Cat(getpid(), "\n");
  return "";
}

Status StagingControl::Write(fuse_ino_t ino, std::string_view text) {
  if (ino != kCommit) return FailErrno("control file", EACCES);
  auto options = ParseCommitRequest(text);
  if (!options) {
    const std::lock_guard lock(report_mutex_);
    last_report_ = FormatCommitError(options.error());
    return tl::unexpected(options.error());
  }
  return Commit(*options);
}

Status StagingControl::Commit(const CommitOptions& options) {
  const std::lock_guard commit_lock(commit_mutex_);
  auto report = StagingCommit::Run(area_, options, progress_);
  const std::string document = report ? report->ToJson() : FormatCommitError(report.error());
  {
    const std::lock_guard lock(report_mutex_);
    last_report_ = document;
  }
  if (!report) {
    LogError(Cat("commit failed cause=\"", EscapeName(report.error().message), "\""));
    return tl::unexpected(report.error());
  }
  if (!report->dry_run) {
    LogInfo(Cat("committed samples=", report->num_samples, " size=", report->file_size_bytes));
  }
  return {};
}

}  // namespace betonfs
