// The directory a file system is mounted on: may it be used, and how is it freed.
#pragma once

#include <string>

#include "core/result.h"

namespace betonfs {

// Returns the absolute path of `mountpoint` without links, fit to be mounted on.  A dead FUSE mount
// there ("Transport endpoint is not connected": its daemon was killed) is unmounted first.
// Errors: kNotFound         no such directory
//         kInvalidArgument  not a directory
//         kBusy             something is mounted there; not empty, unless `nonempty`
//         kPermission       the caller may not look at it
Result<std::string> PrepareMountpoint(const std::string& mountpoint, bool nonempty);

// The absolute path of `mountpoint` without links, of a dead mount too.
// Errors: kNotFound, kPermission, kIo
Result<std::string> ResolveMountpoint(const std::string& mountpoint);

// /dev/fuse can be opened.  Errors: kNotFound, kPermission, kIo, each saying what to do.
Status CheckFuseDevice();

// Unmounts, as root with umount2, else through fusermount3.  `lazy` detaches a busy mount.
// Errors: kBusy, kPermission, kIo, kInvalidArgument (not a mountpoint)
Status Unmount(const std::string& mountpoint, bool lazy);

}  // namespace betonfs
