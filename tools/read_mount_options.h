// From the command line of `betonfs mount` to a mount.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "fs/read_mount.h"

namespace betonfs {

struct MountCommandLine {
  std::vector<std::string> sources;  // .beton files, or directories of them
  std::string mountpoint;
  std::vector<std::string> option_texts;  // of each -o
  std::string log_file;
  bool foreground = false;
  bool debug = false;
};

// Everything relative is made absolute, since a daemon's working directory is the root.  Reads the
// file of -o classes=.
// Errors: kInvalidArgument  an option that is not known or does not fit; a directory without
//                           .beton files
//         kNotFound, kPermission, kIo  from the system
Result<ReadMountOptions> ResolveMount(const MountCommandLine& line);

}  // namespace betonfs
