// The program.
#include <cstdio>
#include <exception>

#include "tools/commands.h"
#include "tools/exit_codes.h"

int main(int argc, char** argv) {
  try {
    return betonfs::Dispatch(argc, argv);
  } catch (const std::exception& error) {  // out of memory, or a mistake of ours
    std::fprintf(stderr, "betonfs: %s\n", error.what());
    return betonfs::kExitSystem;
  }
}
