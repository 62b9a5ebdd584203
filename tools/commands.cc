#include "tools/commands.h"

#include <cstdio>

#include "tools/exit_codes.h"

namespace betonfs {

int ReportError(const Error& error) {
  std::fprintf(stderr, "betonfs: %s\n", error.message.c_str());
  return ExitCodeOf(error);
}

}  // namespace betonfs
