#include "tools/read_mount_options.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "tools/mount_options.h"

namespace betonfs {
namespace {

namespace stdfs = std::filesystem;

tl::unexpected<Error> BadValue(const NamedOption& option, const std::string& expected) {
  return Fail(
      ErrorKind::kInvalidArgument,
      "mount option " + option.name + "=" + option.value.value_or("") + ": expected " + expected);
}

std::string Absolute(const std::string& path) {
  return stdfs::absolute(path).lexically_normal().string();
}

// The .beton files of a directory, sorted by name.
Result<std::vector<std::string>> FilesIn(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (stdfs::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".beton") files.push_back(it->path().string());
  }
  if (error) return FailErrno(directory, error.value());
  std::sort(files.begin(), files.end());
  if (!files.empty()) return files;
  return Fail(ErrorKind::kInvalidArgument,
              directory + ": a directory without .beton files, expected a file or such files");
}

Result<std::vector<std::string>> ResolveSources(const std::vector<std::string>& sources) {
  std::vector<std::string> files;
  for (const std::string& source : sources) {
    const std::string path = Absolute(source);
    std::error_code ignored;  // opening the file will say it better
    if (!stdfs::is_directory(path, ignored)) {
      files.push_back(path);
      continue;
    }
    ASSIGN_OR_RETURN(const auto found, FilesIn(path));
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

// What the mount table shows: the file, or the first of several and how many follow.
std::string SourceName(const std::vector<std::string>& sources) {
  const std::string first = Absolute(sources.front());
  return sources.size() == 1 ? first : first + "+" + std::to_string(sources.size() - 1);
}

Result<std::vector<std::string>> ReadLines(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return FailErrno("classes file " + path, errno);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
  }
  if (!lines.empty()) return lines;
  return Fail(ErrorKind::kInvalidArgument, "classes file " + path + ": no class in it");
}

Result<bool> TakeRawView(const NamedOption& option, TreeOptions& tree) {
  if (option.value == "ppm") {
    tree.raw_view = RawView::kPpm;
  } else if (option.value == "bmp") {
    tree.raw_view = RawView::kBmp;
  } else if (option.value == "png") {
    tree.raw_view = RawView::kPng;
  } else {
    return BadValue(option, "ppm, bmp or png");
  }
  return true;
}

Result<bool> TakeTreeOption(const NamedOption& option, TreeOptions& tree) {
  if (option.name == "tree") {
    const auto kind = ParseTreeKind(option.value.value_or(""));
    if (!kind) return BadValue(option, "auto, paths, label, flat or samples");
    tree.kind = *kind;
  } else if (option.name == "field") {
    ASSIGN_OR_RETURN(tree.field, ValueOf(option));
  } else if (option.name == "label") {
    ASSIGN_OR_RETURN(tree.label, ValueOf(option));
  } else if (option.name == "classes") {
    ASSIGN_OR_RETURN(tree.classes_path, ValueOf(option));
    ASSIGN_OR_RETURN(tree.classes, ReadLines(tree.classes_path));
  } else if (option.name == "classes_unsorted") {
    tree.classes_unsorted = true;
  } else if (option.name == "shards") {
    if (option.value != "dirs" && option.value != "merge") return BadValue(option, "dirs or merge");
    tree.shards_as_directories = option.value == "dirs";
  } else if (option.name == "raw") {
    return TakeRawView(option, tree);
  } else {
    return false;
  }
  return true;
}

Result<bool> TakePushOption(const NamedOption& option, PushOptions& push) {
  if (option.name == "push") {
    const auto mode = ParsePushMode(option.value.value_or(""));
    if (!mode) return BadValue(option, "auto, page or off");
    push.mode = *mode;
  } else if (option.name == "push_budget") {
    ASSIGN_OR_RETURN(push.budget_bytes, SizeOf(option, uint64_t{1} << 50));
  } else {
    return false;
  }
  return true;
}

Result<bool> TakeTrustOption(const NamedOption& option, ReadMountOptions& mount) {
  if (option.name == "verify") {
    const auto mode = ParseVerifyMode(option.value.value_or(""));
    if (!mode) return BadValue(option, "off, open or read");
    mount.verify = *mode;
  } else if (option.name == "sandbox") {
    if (option.value != "on" && option.value != "off") return BadValue(option, "on or off");
    mount.sandbox = option.value == "on";
  } else {
    return false;
  }
  return true;
}

Result<bool> TakeMaxRead(const NamedOption& option, ReadOpsOptions& ops) {
  if (option.name != "max_read") return false;
  ASSIGN_OR_RETURN(const uint64_t bytes, SizeOf(option, 1 << 20));
  if (bytes != 0 && bytes < 4096) return BadValue(option, "4096 bytes, which is a page, or more");
  ops.max_read_bytes = static_cast<uint32_t>(bytes);
  return true;
}

Status TakeOption(const NamedOption& option, CommonMountOptions& common, ReadMountOptions& mount) {
  ASSIGN_OR_RETURN(const bool taken, TakeCommonOption(option, common));
  if (taken) return {};
  ASSIGN_OR_RETURN(const bool of_tree, TakeTreeOption(option, mount.tree));
  if (of_tree) return {};
  ASSIGN_OR_RETURN(const bool of_push, TakePushOption(option, mount.push));
  if (of_push) return {};
  ASSIGN_OR_RETURN(const bool of_trust, TakeTrustOption(option, mount));
  if (of_trust) return {};
  ASSIGN_OR_RETURN(const bool is_max_read, TakeMaxRead(option, mount.ops));
  if (is_max_read) return {};
  return UnknownOption(option, "mount");
}

SessionOptions MakeSession(const MountCommandLine& line, const CommonMountOptions& common) {
  SessionOptions session;
  TakeOver(common, session);
  session.mountpoint = line.mountpoint;
  session.fsname = common.fsname.value_or(SourceName(line.sources));
  session.mount_options = {"ro", "nosuid", "nodev", "default_permissions"};
  session.mount_options.insert(session.mount_options.end(), common.passed_on.begin(),
                               common.passed_on.end());
  session.debug |= line.debug;
  return session;
}

LogOptions MakeLog(const MountCommandLine& line, bool debug) {
  LogOptions log;
  log.debug = debug;
  if (!line.log_file.empty()) {
    log.target = LogTarget::kFile;
    log.file = Absolute(line.log_file);
  } else if (!line.foreground && !debug) {
    log.target = LogTarget::kSyslog;
  }
  return log;
}

}  // namespace

Result<ReadMountOptions> ResolveMount(const MountCommandLine& line) {
  ReadMountOptions mount;
  CommonMountOptions common;
  for (const std::string& text : line.option_texts) {
    for (const NamedOption& option : SplitMountOptions(text)) {
      RETURN_IF_ERROR(TakeOption(option, common, mount));
    }
  }
  ASSIGN_OR_RETURN(mount.files, ResolveSources(line.sources));
  mount.session = MakeSession(line, common);
  mount.log = MakeLog(line, mount.session.debug);
  return mount;
}

}  // namespace betonfs
