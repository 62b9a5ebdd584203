// A read-only mount put together and served: what `betonfs mount` runs.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "fs/detached.h"
#include "fs/log.h"
#include "fs/push_options.h"
#include "fs/read_ops.h"
#include "fs/session.h"
#include "fs/tree.h"
#include "fs/verify.h"

namespace betonfs {

struct ReadMountOptions {
  std::vector<std::string> files;  // absolute paths of .beton files
  TreeOptions tree;
  SessionOptions session;
  ReadOpsOptions ops;
  PushOptions push;
  LogOptions log;
  VerifyMode verify = VerifyMode::kOff;
  bool sandbox = true;  // give up what serving does not need, once mounted
};

// Opens the files, mounts, tells `announcer` when the mount answers, and serves until it is
// unmounted or a signal ends it; unmounts.  Makes threads: call it after the fork.
// Errors: those of Shards::Open, Tree::Make, Session::Mount, StartLog and Session::Run
Status ServeReadMount(const ReadMountOptions& options, StartAnnouncer& announcer);

}  // namespace betonfs
