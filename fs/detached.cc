#include "fs/detached.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

namespace betonfs {
namespace {

// What goes through the pipe, once: this, then the message up to the end.
struct Word {
  uint32_t ready = 0;  // 1 or 0
  ErrorKind kind = ErrorKind::kIo;
  int32_t sys_errno = 0;
};
static_assert(std::has_unique_object_representations_v<Word>);  // no padding, which is never set

void WriteAll(int fd, const void* data, size_t size) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = write(fd, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody listens any more
    next += written;
    size -= static_cast<size_t>(written);
  }
}

std::string ReadAll(int fd) {
  std::string text;
  char buffer[512];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<size_t>(got));
  }
}

void DropStandardStreams() {
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return;
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null.get(), fd);
}

tl::unexpected<Error> DeathOf(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string how = WIFSIGNALED(status)
                              ? "was killed by signal " + std::to_string(WTERMSIG(status))
                              : "exited with status " + std::to_string(WEXITSTATUS(status));
  return Fail(ErrorKind::kIo, "the server " + how + " before it answered");
}

}  // namespace

void StartAnnouncer::Ready() {
  if (!pipe_.valid()) return;
  DropStandardStreams();
  if (chdir("/") != 0) return;  // cannot fail
  const Word word{1};
  WriteAll(pipe_.get(), &word, sizeof word);
  pipe_ = UniqueFd();
}

void StartAnnouncer::Failed(const Error& error) {
  if (!pipe_.valid()) return;
  const Word word{0, error.kind, error.sys_errno};
  WriteAll(pipe_.get(), &word, sizeof word);
  WriteAll(pipe_.get(), error.message.data(), error.message.size());
  pipe_ = UniqueFd();
}

Status RunDetached(const std::function<Status(StartAnnouncer&)>& serve) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return FailErrno("pipe", errno);
  UniqueFd read_end(fds[0]), write_end(fds[1]);
  const pid_t child = fork();
  if (child < 0) return FailErrno("fork", errno);
  if (child == 0) {
    read_end = UniqueFd();
    setsid();
    StartAnnouncer announcer(std::move(write_end));
    const Status status = serve(announcer);
    if (!status) announcer.Failed(status.error());
    std::exit(status ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  write_end = UniqueFd();
  const std::string said = ReadAll(read_end.get());
  Word word;
  if (said.size() < sizeof word) return DeathOf(child);
  std::memcpy(&word, said.data(), sizeof word);
  if (word.ready == 1) return {};
  return Fail(word.kind, said.substr(sizeof word), word.sys_errno);
}

}  // namespace betonfs
