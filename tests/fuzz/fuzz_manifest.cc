// Manifests: the first byte chooses CSV or JSON lines.  Files `a` and `b.jpg` lie beside them.
#include "core/import_plan.h"
#include "tests/fuzz/scratch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace betonfs;
  if (size == 0) return 0;
  static const fuzz::Scratch scratch;
  static const bool has_files =
      !scratch.Write("a", {}).empty() && !scratch.Write("b.jpg", {}).empty();
  const std::string name = has_files && data[0] % 2 == 0 ? "m.csv" : "m.jsonl";
  auto plan = PlanManifest(scratch.Write(name, {data + 1, size - 1}));
  if (!plan) {
    if (plan.error().message.empty()) abort();
    return 0;
  }
  const size_t num_samples = plan->names.size();
  std::vector<Field> fields;
  for (const ImportColumn& column : plan->columns) {
    fields.push_back(column.field);
    if (column.integers.size() + column.reals.size() + column.payloads.size() != num_samples)
      abort();
    for (const PayloadOrigin& origin : column.payloads) {
      if (origin.file != kInText) continue;
      if (origin.offset + origin.size_bytes > plan->text.size()) abort();
    }
  }
  (void)Schema::Make(std::move(fields));
  ShufflePlan(*plan, num_samples);
  return 0;
}
