#include "fs/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <memory>

#include "core/escape_name.h"
#include "fs/inode.h"

namespace betonfs {
namespace {

// The process has one log, as it has one stderr.
std::shared_ptr<spdlog::logger>& Logger() {
  static std::shared_ptr<spdlog::logger> logger;
  return logger;
}

Result<spdlog::sink_ptr> MakeSink(const LogOptions& options) {
  switch (options.target) {
    case LogTarget::kStderr:
      return std::make_shared<spdlog::sinks::stderr_sink_mt>();
    case LogTarget::kSyslog:
      return std::make_shared<spdlog::sinks::syslog_sink_mt>("betonfs", LOG_PID, LOG_DAEMON, false);
    case LogTarget::kFile:
      break;
  }
  // spdlog reports by exceptions; ask the system first, which says why.
  errno = 0;
  if (!std::ofstream(options.file, std::ios::app)) {
    return FailErrno("log file " + options.file, errno);
  }
  try {
    return std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
  } catch (const spdlog::spdlog_ex& error) {
    return Fail(ErrorKind::kIo, error.what());
  }
}

void Log(spdlog::level::level_enum level, std::string_view line) {
  if (const auto& logger = Logger()) {
    logger->log(level, spdlog::string_view_t(line.data(), line.size()));
  }
}

std::atomic<uint64_t> num_errors{0};

// A file that fails is asked for again and again; it is told once, as long as few others fail.
bool ToldBefore(const FailedRequest& request) {
  static std::array<std::atomic<uint64_t>, 4096> told;
  const uint64_t key = request.ino * 131 + static_cast<uint64_t>(request.sys_errno);
  const size_t slot = (key * 0x9e3779b97f4a7c15u) >> 52;  // the top 12 bits
  return told[slot].exchange(key, std::memory_order_relaxed) == key;
}

}  // namespace

Status StartLog(const LogOptions& options) {
  ASSIGN_OR_RETURN(auto sink, MakeSink(options));
  auto logger = std::make_shared<spdlog::logger>("betonfs", std::move(sink));
  logger->set_pattern(options.target == LogTarget::kSyslog ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %l %v");
  logger->set_level(options.debug ? spdlog::level::debug : spdlog::level::info);
  logger->flush_on(spdlog::level::debug);
  logger->set_error_handler([](const std::string&) {});  // a full log disk harms no reader
  Logger() = std::move(logger);
  return {};
}

void StopLog() { Logger().reset(); }

void LogDebug(std::string_view line) { Log(spdlog::level::debug, line); }
void LogInfo(std::string_view line) { Log(spdlog::level::info, line); }
void LogWarning(std::string_view line) { Log(spdlog::level::warn, line); }

void LogError(std::string_view line) {
  num_errors.fetch_add(1, std::memory_order_relaxed);
  Log(spdlog::level::err, line);
}
uint64_t NumErrorsLogged() { return num_errors.load(std::memory_order_relaxed); }

void LogFailedRequest(const FailedRequest& request, std::string_view cause) {
  if (request.sys_errno == ENOENT || ToldBefore(request)) return;
  const bool serious = request.sys_errno == EIO || request.sys_errno == ENOMEM;
  const Ino ino(request.ino);
  const std::string sample =
      ino.is_file() ? fmt::format(" sample={}", Number(ino.sample())) : std::string();
  Log(serious ? spdlog::level::err : spdlog::level::debug,
      fmt::format("op={} ino={:#x}{} offset={} size={} errno={} cause=\"{}\"", request.op,
                  request.ino, sample, request.offset, request.size_bytes, request.sys_errno,
                  EscapeName(cause)));
}

}  // namespace betonfs
