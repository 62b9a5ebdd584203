#include "tools/mount_options.h"

#include <algorithm>
#include <array>
#include <limits>

#include "tools/human.h"

namespace betonfs {
namespace {

constexpr std::array<std::string_view, 31> kIgnored = {"defaults",
                                                       "rw",
                                                       "ro",
                                                       "suid",
                                                       "nosuid",
                                                       "dev",
                                                       "nodev",
                                                       "exec",
                                                       "auto",
                                                       "noauto",
                                                       "user",
                                                       "nouser",
                                                       "users",
                                                       "owner",
                                                       "group",
                                                       "nofail",
                                                       "_netdev",
                                                       "atime",
                                                       "relatime",
                                                       "async",
                                                       "loud",
                                                       "silent",
                                                       "strictatime",
                                                       "diratime",
                                                       "nomand",
                                                       "mand",
                                                       "iversion",
                                                       "noiversion",
                                                       "norelatime",
                                                       "nostrictatime",
                                                       "default_permissions"};
constexpr std::array<std::string_view, 10> kPassedOn = {
    "allow_other", "allow_root", "noexec",    "noatime",     "nodiratime",
    "sync",        "dirsync",    "symfollow", "nosymfollow", "lazytime"};
constexpr std::array<std::string_view, 4> kPassedOnWithValue = {"context", "fscontext",
                                                                "defcontext", "rootcontext"};

template <class List>
bool Has(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool IsForMountAlone(std::string_view name) {
  return Has(kIgnored, name) || name.starts_with("x-") || name.starts_with("X-") ||
         name == "comment";
}

std::string Escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == ',' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

Result<unsigned> NumberOf(const NamedOption& option, unsigned max) {
  ASSIGN_OR_RETURN(const uint64_t number, SizeOf(option, max));
  return static_cast<unsigned>(number);
}

Result<bool> TakeNumber(const NamedOption& option, CommonMountOptions& options) {
  if (option.name == "threads") {
    ASSIGN_OR_RETURN(options.max_threads, NumberOf(option, 1024));
    if (options.max_threads > 0) return true;
    return Fail(ErrorKind::kInvalidArgument, "mount option threads: 0 threads serve nobody");
  }
  if (option.name == "readahead") {
    ASSIGN_OR_RETURN(const uint64_t bytes, SizeOf(option, uint64_t{1} << 30));
    options.readahead_kib = static_cast<unsigned>(bytes / 1024);
    return true;
  }
  return false;
}

}  // namespace

std::vector<NamedOption> SplitMountOptions(std::string_view text) {
  std::vector<NamedOption> options;
  NamedOption option;
  std::string* part = &option.name;
  const auto finish = [&] {
    if (!option.name.empty()) options.push_back(option);
    option = {};
    part = &option.name;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      *part += text[++i];
    } else if (text[i] == ',') {
      finish();
    } else if (text[i] == '=' && !option.value) {
      part = &option.value.emplace();
    } else {
      *part += text[i];
    }
  }
  finish();
  return options;
}

Result<std::string> ValueOf(const NamedOption& option) {
  if (option.value && !option.value->empty()) return *option.value;
  return Fail(ErrorKind::kInvalidArgument, "mount option " + option.name + ": needs a value");
}

Result<uint64_t> SizeOf(const NamedOption& option, uint64_t max) {
  ASSIGN_OR_RETURN(const std::string text, ValueOf(option));
  const auto size = ParseSize(text);
  if (size && *size <= max) return *size;
  return Fail(ErrorKind::kInvalidArgument, "mount option " + option.name + "=" + text +
                                               ": not a number up to " + std::to_string(max));
}

Result<bool> TakeCommonOption(const NamedOption& option, CommonMountOptions& options) {
  if (IsForMountAlone(option.name)) return true;
  if (Has(kPassedOn, option.name)) {
    options.passed_on.push_back(option.name);
  } else if (Has(kPassedOnWithValue, option.name)) {
    ASSIGN_OR_RETURN(const std::string value, ValueOf(option));
    options.passed_on.push_back(option.name + "=" + Escaped(value));
  } else if (option.name == "fsname") {
    ASSIGN_OR_RETURN(options.fsname, ValueOf(option));
  } else if (option.name == "subtype") {
    ASSIGN_OR_RETURN(options.subtype, ValueOf(option));
  } else if (option.name == "nonempty") {
    options.nonempty = true;
  } else if (option.name == "auto_unmount") {
    options.auto_unmount = true;
  } else if (option.name == "debug") {
    options.debug = true;
  } else {
    return TakeNumber(option, options);
  }
  return true;
}

void TakeOver(const CommonMountOptions& common, SessionOptions& session) {
  session.subtype = common.subtype.value_or("betonfs");
  session.nonempty = common.nonempty;
  session.auto_unmount = common.auto_unmount;
  session.debug = common.debug;
  session.max_threads = common.max_threads;
  session.readahead_kib = common.readahead_kib;
}

tl::unexpected<Error> UnknownOption(const NamedOption& option, const std::string& command) {
  return Fail(ErrorKind::kInvalidArgument, "mount option '" + option.name +
                                               "' is not known ('betonfs " + command +
                                               " --help' lists them)");
}

}  // namespace betonfs
