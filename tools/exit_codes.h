// What the exit status of betonfs means; the README has the same table.
#pragma once

#include "core/result.h"

namespace betonfs {

enum ExitCode : int {
  kExitOk = 0,
  kExitDamage = 1,       // check found damage; unpack could not restore every sample
  kExitUsage = 2,        // wrong options or arguments
  kExitBadFile = 3,      // a file that is truncated, corrupt or of a kind not read
  kExitNotFound = 4,     // a file, path or sample that is not there
  kExitPermission = 5,   // the system refused
  kExitInTheWay = 6,     // the target exists, or a mountpoint, lock or work area is in use
  kExitNoSpace = 7,      // no room
  kExitSkipped = 8,      // done, but entries that cannot be stored were skipped; they are named
  kExitChanged = 9,      // a source changed while it was read
  kExitSystem = 10,      // any other failure of the system
  kExitCancelled = 130,  // interrupted
};

int ExitCodeOf(const Error& error);

}  // namespace betonfs
