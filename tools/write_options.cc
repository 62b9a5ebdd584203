#include "tools/write_options.h"

#include <CLI/CLI.hpp>

#include "core/format.h"
#include "core/parallel.h"
#include "tools/human.h"

namespace betonfs {
namespace {

Result<uint32_t> ParsePowerOfTwo(const std::string& option, const std::string& text,
                                 uint64_t smallest) {
  const auto size = ParseSize(text);
  if (size && *size >= smallest && *size <= kMaxPageSizeBytes && (*size & (*size - 1)) == 0) {
    return static_cast<uint32_t>(*size);
  }
  return Fail(ErrorKind::kInvalidArgument, option + " " + text + " is not a power of two from " +
                                               std::to_string(smallest) + " to 2G");
}

}  // namespace

void AddWriteOptions(CLI::App& command, const std::string& target, WriteCommandLine& line) {
  command
      .add_option("--page-size", line.page_size, "Power of two from 4096 to 2G; default 8M or so")
      ->option_text("SIZE");
  command.add_option("--align", line.align, "Payloads start at multiples of this power of two")
      ->option_text("SIZE");
  command
      .add_option("--shuffle", line.shuffle_seed,
                  "Place samples in an order drawn from SEED, so that a page mixes classes")
      ->option_text("SEED");
  command.add_option("--threads", line.num_threads, "Default: one per processor")
      ->check(CLI::Range(1, 256))
      ->option_text("N");
  command.add_flag("-f,--force", line.force, "Replace " + target + " if it exists");
  command.add_flag("--json", line.json, "Report as JSON, show no progress");
}

Result<DatasetOptions> ResolveWriteOptions(const WriteCommandLine& line) {
  DatasetOptions options;
  if (!line.page_size.empty()) {
    ASSIGN_OR_RETURN(options.page_size_bytes,
                     ParsePowerOfTwo("--page-size", line.page_size, kMinPageSizeBytes));
  }
  if (!line.align.empty()) {
    ASSIGN_OR_RETURN(options.align_bytes, ParsePowerOfTwo("--align", line.align, 1));
  }
  if (line.force) options.existing = ReplacementFile::Existing::kReplace;
  options.write.num_threads = line.num_threads != 0 ? line.num_threads : DefaultNumThreads();
  return options;
}

}  // namespace betonfs
