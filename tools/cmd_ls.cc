// betonfs ls: names in a .beton file, without a mount.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/escape_name.h"
#include "fs/log.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/tree_option.h"
#include "tools/tree_reader.h"

namespace betonfs {
namespace {

struct LsOptions {
  std::string file;
  std::string path;
  TreeKind tree = TreeKind::kAuto;
  bool is_long = false;
  bool is_recursive = false;
  bool is_nul_separated = false;
};

std::string ModeText(uint32_t mode) {
  std::string text = S_ISDIR(mode) ? "drwxrwxrwx" : "-rwxrwxrwx";
  for (unsigned bit = 0; bit < 9; ++bit) {
    if ((mode >> bit & 1u) == 0) text[9 - bit] = '-';
  }
  return text;
}

std::string TimeText(int64_t time_s) {
  const auto time = static_cast<time_t>(time_s);
  struct tm parts {};
  std::array<char, 64> text{};
  if (!localtime_r(&time, &parts) ||
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts) == 0) {
    return std::to_string(time_s);
  }
  return text.data();
}

// Prints one listing.  A damaged entry is reported and does not hide the others.
class Lister {
 public:
  Lister(const TreeReader& reader, const LsOptions& options)
      : tree_(reader.tree()), options_(options) {}

  // That of the last thing that went wrong.
  int exit_code() const { return exit_code_; }

  // `path` names `start`.
  void List(const std::string& path, Ino start) {
    if (start.is_file()) {
      Print(path, start);
      return;
    }
    // A stack and not recursion: how deep the tree is, the file says.
    std::vector<std::pair<std::string, Ino>> directories{{path, start}};
    while (!directories.empty()) {
      const auto [directory_path, directory] = std::move(directories.back());
      directories.pop_back();
      ListDirectory(directory_path, directory, directories);
    }
  }

 private:
  void ListDirectory(const std::string& path, Ino directory,
                     std::vector<std::pair<std::string, Ino>>& directories) {
    const size_t num_before = directories.size();
    const Status listed = ReadGuarded([&] {
      return tree_.List(directory, 0, [&](std::string_view name, Ino child, uint64_t) {
        const std::string child_path = JoinPath(path, name);
        Print(options_.is_recursive ? child_path : std::string(name), child);
        if (options_.is_recursive && !child.is_file()) directories.emplace_back(child_path, child);
        return std::ferror(stdout) == 0;
      });
    });
    if (!listed) exit_code_ = ReportError(listed.error());
    std::reverse(directories.begin() + static_cast<ptrdiff_t>(num_before), directories.end());
  }

  void Print(const std::string& name, Ino ino) {
    if (options_.is_long) {
      const auto attributes = tree_.AttributesOf(ino);
      if (!attributes) {
        exit_code_ = ReportError(attributes.error());
        return;
      }
      std::printf("%s %12llu %s ", ModeText(attributes->mode).c_str(),
                  static_cast<unsigned long long>(attributes->size_bytes),
                  TimeText(attributes->mtime_s).c_str());
    }
    const std::string shown = options_.is_nul_separated ? name : EscapeName(name);
    std::fwrite(shown.data(), 1, shown.size(), stdout);
    if (!ino.is_file() && !options_.is_nul_separated) std::putchar('/');
    std::putchar(options_.is_nul_separated ? '\0' : '\n');
  }

  const Tree& tree_;
  const LsOptions& options_;
  int exit_code_ = kExitOk;
};

std::string WithoutOuterSlashes(std::string_view path) {
  const size_t first = path.find_first_not_of('/');
  if (first == std::string_view::npos) return {};
  return std::string(path.substr(first, path.find_last_not_of('/') + 1 - first));
}

int Ls(const LsOptions& options) {
  (void)StartLog({});  // the tree tells of damaged entries there
  const auto reader = TreeReader::Open(options.file, options.tree);
  if (!reader) return ReportError(reader.error());
  const auto start = (*reader)->Find(options.path);
  if (!start) return ReportError(start.error());
  Lister lister(**reader, options);
  lister.List(WithoutOuterSlashes(options.path), *start);
  const bool is_damaged = lister.exit_code() == kExitOk && NumErrorsLogged() > 0;
  return FinishOutput(is_damaged ? kExitBadFile : lister.exit_code());
}

}  // namespace

void AddLs(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<LsOptions>();
  CLI::App* ls = app.add_subcommand("ls", "List names in a .beton file, without a mount");
  ls->footer(
      "Names are those of a mount.  What could steer a terminal is escaped\n"
      "as by 'ls -b'; directories end in '/'.  With -0 neither: each name ends in a NUL.\n");
  ls->add_option("FILE", options->file, "a .beton file")->required();
  ls->add_option("PATH", options->path, "a directory or file in it; the whole if left out");
  ls->add_flag("-l", options->is_long, "mode, size in bytes and time of last change");
  ls->add_flag("-R", options->is_recursive, "everything below, each with its path");
  ls->add_flag("-0,--null", options->is_nul_separated, "end names with a NUL, unescaped");
  AddTreeOption(*ls, options->tree);
  ls->callback([options, &exit_code] { exit_code = Ls(*options); });
}

}  // namespace betonfs
