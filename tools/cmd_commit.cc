// betonfs commit: what was staged becomes the dataset.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "core/escape_name.h"
#include "core/file.h"
#include "core/text.h"
#include "fs/mount_table.h"
#include "fs/staging_control.h"
#include "fs/staging_mount.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/stage_options.h"

namespace betonfs {
namespace {

struct CommitArguments {
  std::string place;
  bool json = false;
  CommitCommandLine line;
};

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Shows on a terminal how far a commit has come, as the mount's status says.
class CommitProgress {
 public:
  explicit CommitProgress(std::string status_path) : status_path_(std::move(status_path)) {
    if (isatty(STDERR_FILENO)) thread_ = std::thread([this] { Loop(); });
  }
  ~CommitProgress() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Loop() {
    bool shown = false;
    for (int tick = 0; !stop_; ++tick) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      if (tick % 5 != 4) continue;
      const auto status = nlohmann::json::parse(ReadAll(status_path_), nullptr, false);
      if (!status.is_object()) continue;
      const auto& commit = status["commit"];
      std::fprintf(stderr, "\r\033[K%s %.1f of %.1f MB", commit.value("phase", "").c_str(),
                   commit.value("done_bytes", 0.0) / 1e6, commit.value("total_bytes", 0.0) / 1e6);
      shown = true;
    }
    if (shown) std::fprintf(stderr, "\r\033[K");
  }

  std::string status_path_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Through the mount: what is written to `.betonfs/commit` is done when write(2) returns.
Result<CommitReport> CommitMounted(const std::string& mountpoint, const CommitOptions& options) {
  const std::string control = mountpoint + "/.betonfs/commit";
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(control, O_WRONLY));
  Status written;
  {
    const CommitProgress progress(mountpoint + "/.betonfs/status");
    written = WriteAt(fd.get(), AsBytes(FormatCommitRequest(options)), 0, control);
  }
  auto report = ParseCommitDocument(ReadAll(control));
  if (report) RETURN_IF_ERROR(written);
  return report;
}

Result<CommitReport> CommitAnywhere(const CommitArguments& arguments) {
  ASSIGN_OR_RETURN(CommitOptions options, ResolveCommit(arguments.line));
  std::error_code ignored;
  if (std::filesystem::is_directory(arguments.place, ignored)) {
    const std::string mountpoint = std::filesystem::canonical(arguments.place, ignored);
    ASSIGN_OR_RETURN(const auto mount, FindMount(mountpoint));
    if (!mount || mount->type != "fuse.betonfs") {
      return Fail(ErrorKind::kInvalidArgument,
                  arguments.place + ": neither a staging mount nor a .beton file");
    }
    return CommitMounted(mountpoint, options);
  }
  StageOptions stage;
  stage.beton_path = std::filesystem::absolute(arguments.place).lexically_normal();
  stage.may_create = false;
  ResumeReport resumed;
  ASSIGN_OR_RETURN(const CommitReport report, CommitUnmounted(stage, options, resumed));
  if (const std::string text = DescribeResume(resumed, StagingArea::DirOf(stage.beton_path));
      !text.empty()) {
    std::fprintf(stderr, "betonfs: %s\n", text.c_str());
  }
  return report;
}

int Commit(const CommitArguments& arguments) {
  const auto report = CommitAnywhere(arguments);
  return report ? PrintReport(*report, arguments.json) : ReportError(report.error());
}

}  // namespace

void AddCommit(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<CommitArguments>();
  CLI::App* commit = app.add_subcommand("commit", "Make what is staged the dataset");
  commit
      ->add_option("MOUNTPOINT|OUT.beton", arguments->place,
                   "a staging mount, or the dataset of one that is not mounted now")
      ->required();
  AddCommitOptions(*commit, arguments->line);
  commit->add_flag("--dry-run", arguments->line.dry_run, "say what would happen, change nothing");
  commit->add_flag("--json", arguments->json, "the report as JSON");
  commit->callback([arguments, &exit_code] { exit_code = Commit(*arguments); });
}

}  // namespace betonfs
