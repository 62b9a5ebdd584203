// Runs programs the way a shell does, for tests of the command line.
#pragma once

#include <string>
#include <vector>

namespace betonfs::test {

struct Ran {
  int exit_code = -1;  // 128 + signal if a signal ended it
  std::string out;
  std::string err;
};

// Runs `arguments[0]` (looked up in PATH) to its end with stdin from /dev/null.  Output of any size
// is kept.  Dies with a test failure message if the program cannot be started.
Ran RunProgram(const std::vector<std::string>& arguments);

// The betonfs under test.
Ran RunBetonfs(std::vector<std::string> arguments);

}  // namespace betonfs::test
