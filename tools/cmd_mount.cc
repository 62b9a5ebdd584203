// betonfs mount: a .beton file becomes a folder.
#include <CLI/CLI.hpp>
#include <memory>

#include "fs/detached.h"
#include "fs/read_mount.h"
#include "fs/sandbox.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/read_mount_options.h"

namespace betonfs {
namespace {

constexpr char kMountHelp[] = R"(
Options of -o, separated by commas:
  tree=auto|paths|label|flat|samples
                     which names: those stored in the file; CLASS/NUMBER.EXT; NUMBER.EXT;
                     NUMBER.FIELD.EXT for every field.  auto takes what is stored, else what
                     fits the fields
  field=NAME         the field that a sample's one file shows
  label=NAME         the integer field that sorts samples into classes
  classes=FILE       names of the classes, one a line; refused where their sort order is not
                     that of the labels, unless classes_unsorted is given
  raw=ppm|bmp|png    how raw images look; bmp and png are made on the fly, not zero-copy
  shards=dirs        each of several files in a directory of its own, instead of merged
  verify=off|open|read
                     look at every structure of the file before mounting (open), or compare
                     every sample with its checksum before it is served first (read)
  push=auto|page|off put the other samples of a page into the kernel's cache when one is read;
                     auto leaves large samples alone
  push_budget=SIZE   at most so much memory for that (default: what the system can spare)
  sandbox=on|off     give up every right that serving does not need (default on)
  allow_other        let other users in; the default is you alone
  auto_unmount       unmount when the daemon dies, whatever it dies of
  nonempty           mount over a directory that is not empty
  threads=N          at most so many answer requests (default 10)
  readahead=SIZE     the kernel's readahead (default 1M; needs root; 0 leaves it)
  max_read=SIZE      the largest single read (default: the kernel's, 1M)
  noexec, noatime, ... as for mount(8).  rw, suid and dev are ignored: a mount is read-only.

The command returns when the mount answers.  A dead mount in the way is cleared first.
)";

int Mount(const MountCommandLine& line) {
  CloseInheritedDescriptors();
  const auto options = ResolveMount(line);
  if (!options) return ReportError(options.error());
  const auto serve = [&](StartAnnouncer& announcer) { return ServeReadMount(*options, announcer); };
  StartAnnouncer nobody;
  const bool foreground = line.foreground || options->session.debug;
  const Status status = foreground ? serve(nobody) : RunDetached(serve);
  return status ? kExitOk : ReportError(status.error());
}

// mount(8) gives these to its helpers; they mean nothing here.
void AddIgnoredFlags(CLI::App& mount) {
  const auto ignored = std::make_shared<std::string>();
  for (const char* flag : {"-n", "-s", "-v", "-w", "-r"}) mount.add_flag(flag)->group("");
  mount.add_option_function<std::string>("-t", [ignored](const std::string&) {})->group("");
}

}  // namespace

void AddMount(CLI::App& app, int& exit_code) {
  const auto line = std::make_shared<MountCommandLine>();
  const auto places = std::make_shared<std::vector<std::string>>();
  CLI::App* mount = app.add_subcommand("mount", "Mount a .beton file as a read-only folder");
  mount->footer(kMountHelp);
  mount
      ->add_option("FILE... MOUNTPOINT", *places,
                   "one or more .beton files (or directories of "
                   "them), then the directory to mount on")
      ->required()
      ->expected(2, 1 << 20);
  mount->add_option("-o", line->option_texts, "mount options, see below")
      ->type_name("OPTION[,...]")
      ->expected(1)
      ->take_all();
  mount->add_flag("-f,--foreground", line->foreground, "stay in the foreground, log to stderr");
  mount->add_flag("-d,--debug", line->debug, "like -f, and print every request");
  mount->add_option("--log-file", line->log_file, "log there, not to syslog");
  AddIgnoredFlags(*mount);
  mount->callback([line, places, &exit_code] {
    line->mountpoint = places->back();
    line->sources.assign(places->begin(), places->end() - 1);
    exit_code = Mount(*line);
  });
}

}  // namespace betonfs
