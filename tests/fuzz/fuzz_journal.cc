// The journal of a staging mount, and the work area that is opened again from it: its tree is
// walked and every file read.  repair_journal.cc keeps the records believable.
#include <cstdlib>

#include "core/staging_area.h"
#include "core/staging_journal.h"
#include "tests/fuzz/scratch.h"

namespace {

using namespace betonfs;

constexpr uint64_t kPageSizeBytes = 4096;
constexpr uint64_t kMaxReadBytes = 1 << 16;

// Nothing here has to survive a power cut.
class HastyIo : public StageIo {
 public:
  Status Sync(int, const std::string&) override { return {}; }
  Status SyncParent(const std::string&) override { return {}; }
  void StartWriteback(int, Extent) override {}
};

// Records come in order, whole, and end where the replay says.
void FuzzReplay(Bytes journal) {
  uint64_t previous = 0;
  const auto replay = ReplayJournal(journal, "fuzz", [&](const JournalRecord&, uint64_t offset) {
    if (offset <= previous) abort();
    previous = offset;
    return true;
  });
  if (replay && replay->end_offset > journal.size()) abort();
  (void)SyncedOffset(journal, "fuzz");
}

void Walk(StagingArea& area, StageIno directory, int depth) {
  const auto ids = area.List(directory);
  if (!ids || depth > 64) return;
  std::vector<std::byte> buffer;
  for (const uint32_t id : *ids) {
    const auto child = area.ChildOf(directory, id, false);
    if (!child) continue;
    const StageIno ino = child->attr.ino;
    if (child->attr.kind == NodeKind::kDirectory) {
      Walk(area, ino, depth + 1);
    } else if (child->attr.kind == NodeKind::kFile) {
      (void)area.Read(ino, 0, kMaxReadBytes, buffer, [](Bytes) {});
    } else {
      (void)area.ReadLink(ino);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzReplay(std::as_bytes(std::span(data, size)));
  static const fuzz::Scratch scratch;
  static const std::string pages(4 * kPageSizeBytes, 'p');
  std::filesystem::create_directories(scratch / "f.beton.stage");
  scratch.Write("f.beton.stage/journal.1", {data, size});
  scratch.Write("f.beton.stage/pages.1",
                {reinterpret_cast<const uint8_t*>(pages.data()), pages.size()});
  {
    HastyIo io;
    ResumeReport report;
    const StageOptions options{.beton_path = scratch / "f.beton",
                               .page_size_bytes = kPageSizeBytes};
    const auto area = StagingArea::Open(io, options, report);
    if (area) Walk(**area, kStageRoot, 0);
  }
  std::filesystem::remove_all(scratch / "f.beton.stage");
  return 0;
}
