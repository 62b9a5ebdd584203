// WebDataset shards: the index of a tar, and the plan that an import makes of it, its pictures
// looked into.  repair_tar.cc keeps headers believable.
#include <fcntl.h>

#include "core/file.h"
#include "core/import_plan.h"
#include "core/tar_index.h"
#include "tests/fuzz/scratch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace betonfs;
  static const fuzz::Scratch scratch;
  const std::string path = scratch.Write("shard.tar", {data, size});
  const auto fd = OpenFile(path, O_RDONLY);
  const auto members = ListTar(fd->get(), path);
  if (!members) return 0;
  for (const TarMember& member : *members) {
    if (member.offset > size || member.size_bytes > size - member.offset) abort();
  }
  auto plan = PlanShards({path});
  if (!plan) return 0;
  for (ImportColumn& column : plan->columns) {
    const bool is_int = column.field.type == FieldType::kInt;
    if ((is_int ? column.integers.size() : column.payloads.size()) != plan->names.size()) abort();
    if (column.field.type == FieldType::kRgbImage) (void)InspectImages(*plan, column);
  }
  return 0;
}
