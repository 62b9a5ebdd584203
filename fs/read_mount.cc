#include "fs/read_mount.h"

#include <unistd.h>

#include <string>

#include "core/escape_name.h"
#include "fs/control_files.h"
#include "fs/info_document.h"
#include "fs/manifests.h"
#include "fs/shards.h"

namespace betonfs {
namespace {

void AddDocuments(ControlFiles& control, const Tree& tree) {
  control.AddLasting("info.json", [&tree] { return InfoDocument(tree); });
  AddManifests(control, tree);
  control.AddLasting("pid", [] { return TextDocument(std::to_string(getpid()) + "\n"); });
}

void LogMounted(const Session& session, const Tree& tree) {
  LogInfo("mounted file=" + EscapeName(tree.shards().all().front().dataset->path()) +
          " files=" + std::to_string(tree.shards().all().size()) +
          " samples=" + std::to_string(tree.shards().num_samples()) +
          " tree=" + TreeName(tree.kind()) + " mountpoint=" + EscapeName(session.mountpoint()) +
          " readahead=\"" + session.readahead_report() + "\"");
}

}  // namespace

Status ServeReadMount(const ReadMountOptions& options, StartAnnouncer& announcer) {
  ASSIGN_OR_RETURN(const auto shards, Shards::Open(options.files));
  ASSIGN_OR_RETURN(const auto tree, Tree::Make(*shards, options.tree));
  ControlFiles control(*tree);
  AddDocuments(control, *tree);
  ReadOps ops(*tree, control, /*observer=*/nullptr, options.ops);
  RETURN_IF_ERROR(StartLog(options.log));
  Status served;
  {
    ASSIGN_OR_RETURN(const auto session, Session::Mount(ReadOps::Table(), &ops, options.session));
    served = session->Run([&] {
      LogMounted(*session, *tree);
      announcer.Ready();
    });
    if (!served) LogError("serving failed cause=\"" + EscapeName(served.error().message) + "\"");
    LogInfo("unmounting mountpoint=" + EscapeName(session->mountpoint()));
  }
  StopLog();
  return served;
}

}  // namespace betonfs
