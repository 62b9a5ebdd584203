// betonfs discard: what is staged and not committed is dropped.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "core/staging_area.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"

namespace betonfs {

void AddDiscard(CLI::App& app, int& exit_code) {
  const auto path = std::make_shared<std::string>();
  CLI::App* discard =
      app.add_subcommand("discard", "Drop what is staged and not committed; the dataset stays");
  discard->add_option("OUT.beton", *path, "the dataset that was given to `stage`")->required();
  discard->callback([path, &exit_code] {
    const std::string absolute = std::filesystem::absolute(*path).lexically_normal();
    const Status status = StagingArea::Discard(absolute);
    exit_code = status ? kExitOk : ReportError(status.error());
  });
}

}  // namespace betonfs
