#include "fs/read_mount.h"

#include <unistd.h>

#include <string>

#include "core/escape_name.h"
#include "fs/control_files.h"
#include "fs/file_watch.h"
#include "fs/guarded_tree.h"
#include "fs/info_document.h"
#include "fs/manifests.h"
#include "fs/mount_pusher.h"
#include "fs/order_ioctl.h"
#include "fs/sandbox.h"
#include "fs/shards.h"
#include "fs/sigbus_guard.h"
#include "fs/stats_document.h"

namespace betonfs {
namespace {

void AddDocuments(ControlFiles& control, const Tree& tree) {
  control.AddLasting("info.json", [&tree] { return InfoDocument(tree); });
  AddManifests(control, tree);
  control.AddLasting("pid", [] { return TextDocument(std::to_string(getpid()) + "\n"); });
}

FaultCounters Faults(const GuardedTree& tree, const FileWatch& watch) {
  FaultCounters faults;
  faults.pages_lost = NumLostPages();
  faults.checks_failed = tree.num_failed_checks();
  faults.files_truncated = watch.NumFiles(FileChange::kTruncated);
  faults.files_modified = watch.NumFiles(FileChange::kModified);
  faults.files_replaced = watch.NumFiles(FileChange::kReplaced);
  faults.files_removed = watch.NumFiles(FileChange::kRemoved);
  return faults;
}

StatsSnapshot Snapshot(const ReadMountOptions& options, ReadOps& ops, const MountPusher& pusher,
                       const Session& session) {
  StatsSnapshot stats;
  stats.ops = &ops.stats();
  stats.push_mode = options.push.mode;
  stats.push = pusher.counters();
  stats.features = KernelFeatures(ops.granted_capabilities());
  const std::string readahead = session.readahead_report();
  stats.features.push_back({"readahead_raised", readahead.ends_with("KiB"), readahead});
  return stats;
}

void LogMounted(const Session& session, const Tree& tree) {
  LogInfo("mounted file=" + EscapeName(tree.shards().all().front().dataset->path()) +
          " files=" + std::to_string(tree.shards().all().size()) +
          " samples=" + std::to_string(tree.shards().num_samples()) +
          " tree=" + TreeName(tree.kind()) + " mountpoint=" + EscapeName(session.mountpoint()) +
          " readahead=\"" + session.readahead_report() + "\"");
}

Status VerifyAtMount(const Shards& shards, VerifyMode mode) {
  if (mode != VerifyMode::kOpen) return {};
  for (const Shard& shard : shards.all()) RETURN_IF_ERROR(VerifyStructures(*shard.dataset));
  return {};
}

Result<std::unique_ptr<GuardedTree>> MakeTree(const Shards& shards,
                                              const ReadMountOptions& options) {
  ASSIGN_OR_RETURN(auto tree, ReadGuarded([&] { return Tree::Make(shards, options.tree); }));
  return std::make_unique<GuardedTree>(std::move(tree), options.verify);
}

std::vector<const MappedFile*> FilesOf(const Shards& shards) {
  std::vector<const MappedFile*> files;
  for (const Shard& shard : shards.all()) files.push_back(&shard.dataset->file());
  return files;
}

void StartSandbox() {
  for (const std::string& missing : EnterSandbox({})) {
    LogInfo("sandbox without " + EscapeName(missing));
  }
}

}  // namespace

Status ServeReadMount(const ReadMountOptions& options, StartAnnouncer& announcer) {
  ASSIGN_OR_RETURN(const auto shards, Shards::Open(options.files));
  RETURN_IF_ERROR(VerifyAtMount(*shards, options.verify));
  ASSIGN_OR_RETURN(const auto tree, MakeTree(*shards, options));
  ControlFiles control(*tree);
  AddDocuments(control, *tree);
  MountPusher pusher(*tree, options.push);
  OrderReceiver order_receiver(
      [&](std::vector<uint32_t> samples) { return pusher.ArmList(std::move(samples)); });
  ReadOpsOptions ops_options = options.ops;
  ops_options.ioctl = [&](unsigned command, Bytes in) {
    return order_receiver.Receive(command, in);
  };
  ReadOps ops(*tree, control, &pusher, ops_options);
  const Session* mounted = nullptr;  // documents are asked for once it is
  control.AddDirectory("order", [&](std::string_view name) { return pusher.Order(name); });
  FileWatch watch(FilesOf(*shards));
  const auto snapshot = [&] {
    StatsSnapshot stats = Snapshot(options, ops, pusher, *mounted);
    stats.faults = Faults(*tree, watch);
    return stats;
  };
  control.AddChanging("stats", [&] { return TextDocument(StatsText(snapshot())); });
  control.AddChanging("stats.prom", [&] { return TextDocument(StatsPrometheus(snapshot())); });
  RETURN_IF_ERROR(StartLog(options.log));
  Status served;
  {
    SessionOptions session_options = options.session;
    session_options.unmount_by_helper = options.sandbox;
    if (const uint32_t max_read_bytes = options.ops.max_read_bytes; max_read_bytes != 0) {
      session_options.mount_options.push_back("max_read=" + std::to_string(max_read_bytes));
    }
    ASSIGN_OR_RETURN(const auto session, Session::Mount(ReadOps::Table(), &ops, session_options));
    mounted = session.get();
    if (options.sandbox) StartSandbox();  // before there are threads
    watch.Start();
    pusher.Start(session->get());
    const auto on_answer = [&] {
      LogMounted(*session, *tree);
      announcer.Ready();
    };
    // A store may wait for a READ that has not been answered, so it ends while they still are.
    served = session->Run(on_answer, [&] { pusher.Stop(); });
    pusher.Stop();
    if (!served) LogError("serving failed cause=\"" + EscapeName(served.error().message) + "\"");
    LogInfo("unmounting mountpoint=" + EscapeName(session->mountpoint()));
  }
  StopLog();
  return served;
}

}  // namespace betonfs
