#include "tools/commands.h"

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "core/escape_name.h"
#include "fs/sigbus_guard.h"
#include "tools/exit_codes.h"

namespace betonfs {

int ReportError(const Error& error) {
  std::fprintf(stderr, "betonfs: %s\n", EscapeMessage(error.message).c_str());
  return ExitCodeOf(error);
}

int FinishOutput(int exit_code) {
  if (exit_code == kExitOk && NumLostPages() > 0) {
    exit_code = ReportError({ErrorKind::kIo, "parts of the file could not be read", EIO});
  }
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return exit_code;
  return ReportError(FailErrno("standard output", errno).value());
}

std::vector<std::string> NormalizeArguments(int argc, const char* const* argv) {
  if (argc < 1) return {};
  std::string_view program = argv[0];
  program.remove_prefix(program.rfind('/') + 1);  // npos + 1 is 0
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool is_mount_helper = program.starts_with("mount.");
  // No subcommand takes -o as its second argument but one, whose name then comes first.
  const bool is_from_mount_fuse = arguments.size() >= 3 && arguments[0] != "mount" &&
                                  !arguments[0].starts_with('-') && arguments[2] == "-o" &&
                                  arguments[0].find('/') != std::string::npos;
  if (is_mount_helper || is_from_mount_fuse) arguments.insert(arguments.begin(), "mount");
  return arguments;
}

}  // namespace betonfs
