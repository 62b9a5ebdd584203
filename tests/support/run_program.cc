#include "tests/support/run_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "tests/support/paths.h"

namespace betonfs::test {
namespace {

std::string ReadBack(FILE* file) {
  std::string text;
  char buffer[65536];
  std::rewind(file);
  while (const size_t size = std::fread(buffer, 1, sizeof buffer, file)) text.append(buffer, size);
  std::fclose(file);
  return text;
}

}  // namespace

Ran RunProgram(const std::vector<std::string>& arguments) {
  // Files and not pipes: nothing to drain, nothing to deadlock on.
  FILE* out = std::tmpfile();
  FILE* err = std::tmpfile();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, fileno(out), 1);
  posix_spawn_file_actions_adddup2(&actions, fileno(err), 2);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(error, 0) << "cannot start " << arguments[0] << ": " << std::strerror(error);
  Ran ran;
  int status = 0;
  if (error == 0 && waitpid(pid, &status, 0) == pid) {
    ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  ran.out = ReadBack(out);
  ran.err = ReadBack(err);
  return ran;
}

Ran RunBetonfs(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), Program());
  return RunProgram(arguments);
}

}  // namespace betonfs::test
