// Opening a work area: what the last session left, told again.
#pragma once

#include <string>

#include "core/dataset.h"
#include "core/result.h"
#include "core/staging_area.h"
#include "core/staging_journal.h"
#include "core/staging_work_area.h"

namespace betonfs {

BaseIdentity IdentityOf(Bytes beton_file);

// Functions on a StagingArea that nobody else uses yet, or with changes_ and tree_mutex_ held.
class StagingRecovery {
 public:
  static Status Open(StagingArea& area, ResumeReport& report);

  // Begins journal.G anew with records that make the tree as it is, on nothing; of files that are
  // open, what was last sealed.
  static Status Checkpoint(StagingArea& area);

  // Where the first page of a page file goes: one page is left for header and rows, or, over a
  // dataset, as much as lets its pages keep their places.
  static uint64_t FirstPageOffset(const Dataset* base, uint32_t page_size_bytes);

 private:
  static BaseIdentity IdentityNow(const StagingArea& area);
  static JournalHeader HeaderNow(const StagingArea& area);
  static Result<JournalHeader> HeaderOf(const std::string& path);
  static Status Lock(StagingArea& area);
  static Status ChooseGeneration(StagingArea& area, const WorkAreaFiles& found,
                                 ResumeReport& report);
  static Status OpenBase(StagingArea& area);
  static Status Begin(StagingArea& area);
  static Status Resume(StagingArea& area, const WorkAreaFiles& found, ResumeReport& report);
  static Status OpenPages(StagingArea& area);
  static Status RemoveOrphans(StagingArea& area, const WorkAreaFiles& found);
};

}  // namespace betonfs
