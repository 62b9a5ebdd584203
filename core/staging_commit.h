// Commit: what is staged becomes OUT.beton.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/result.h"
#include "core/staging_area.h"
#include "core/staging_plan.h"

namespace betonfs {

struct CommitOptions {
  PlanOptions plan;
  enum class Compact { kAuto, kAlways, kNever };
  Compact compact = Compact::kAuto;      // kAuto: when more than a quarter of the data is dead
  std::optional<uint64_t> shuffle_seed;  // rewrites in shuffled order
  bool dry_run = false;
};

struct CommitReport {
  bool dry_run = false;
  bool rewritten = false;  // compacted or shuffled: every page was written anew
  std::string beton_path;
  uint64_t num_samples = 0;
  uint64_t payload_bytes = 0;
  uint64_t file_size_bytes = 0;
  std::string schema;  // "image" or "data"
  std::vector<std::string> classes;
  uint64_t page_size_bytes = 0;
  uint64_t num_pages = 0;      // that hold payloads
  uint64_t dead_bytes = 0;     // overwritten or removed: holes in the file, unless rewritten
  uint64_t moved_bytes = 0;    // of payloads that had to go elsewhere in the file
  uint64_t carried_bytes = 0;  // of the dataset before, taken over
  bool carried_by_reflink = false;
  std::vector<PlannedSkip> skipped;
  std::vector<PlannedLink> links;
  std::vector<std::string> oversize;  // samples larger than a page: FFCV needs os_cache=True
  std::vector<std::string> warnings;
  double seconds = 0;

  // How much of the pages is payload, 0 to 1.
  double fill() const {
    const double room = static_cast<double>(num_pages) * static_cast<double>(page_size_bytes);
    return room > 0 ? static_cast<double>(payload_bytes) / room : 0;
  }
  std::string ToText() const;  // for people, several lines
  std::string ToJson() const;  // one object, names escaped as JSON asks
  // What ToJson() wrote.  Error kCorrupt: it is something else.
  static Result<CommitReport> FromJson(const std::string& text);
};

// How far a commit is, for other threads to look at.
struct CommitProgress {
  enum class Phase { kIdle, kPlanning, kCarrying, kRewriting, kWriting, kSyncing };
  std::atomic<Phase> phase{Phase::kIdle};
  std::atomic<uint64_t> done{0};  // bytes of `total`
  std::atomic<uint64_t> total{0};
  static const char* Name(Phase phase);
};

// One commit at a time; the area stays usable.  While it runs, whoever wants to change something
// waits; readers do not.
class StagingCommit {
 public:
  // On an error OUT.beton and the work area are as they were, but for bytes that may have moved.
  // Errors: those of PlanCommit; kNoSpace, kIo; kUnsupported (an entry FFCV's format has no room
  // for)
  static Result<CommitReport> Run(StagingArea& area, const CommitOptions& options,
                                  CommitProgress& progress);

 private:
  StagingCommit(StagingArea& area, const CommitOptions& options, CommitProgress& progress)
      : area_(area), options_(options), progress_(progress) {}

  Result<CommitReport> Run();
  Status SealOpenFiles();
  Status RescueOthers();
  Status MoveToSpill(StageIno ino);
  uint64_t DeadBytes() const;
  bool ShouldRewrite() const;
  void FillReport();

  Status BuildInPlace();
  Status CarryBase();
  Status Place(PlannedSample& sample);
  Status PlaceOthers(uint64_t rows_end);
  uint32_t FittingPageSize() const;
  Status MoveWhatDoesNotFit(uint32_t page_size_bytes);
  Status Resettle(const PlannedSample& sample);
  Status JournalMoves();
  Status ZeroGaps(uint64_t pages_end);
  Status WriteTables(uint32_t page_size_bytes, uint64_t pages_end);
  void TidyUpFailure();

  Status Rewrite();
  Status ReadOffsets(const std::string& path);

  Status Publish(const std::string& path);
  Status WriteNextJournal(const BaseIdentity& base, std::unique_ptr<JournalWriter>& journal);
  void SwitchOver(std::shared_ptr<const Dataset> base, std::unique_ptr<PageFile> pages,
                  std::unique_ptr<JournalWriter> journal);

  StagingArea& area_;
  const CommitOptions& options_;
  CommitProgress& progress_;
  CommitPlan plan_;
  CommitReport report_;
  std::unordered_set<uint32_t> moved_;  // files whose bytes now lie elsewhere in the page file
  std::vector<uint64_t> dead_spills_;
  std::string built_path_;  // the dataset to be
  uint64_t rows_end_ = 0;   // in the page file, once rows were begun
  bool published_ = false;
};

// The index region's directories of a plan; numbers as returned by IndexBuilder, by plan number.
std::vector<DirIndex> AddPlannedDirectories(const CommitPlan& plan, const StagingTree& tree,
                                            IndexBuilder& index);

}  // namespace betonfs
