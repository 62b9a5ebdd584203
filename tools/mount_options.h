// The "-o" options of a mount, as mount(8), fstab and users write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "fs/session.h"

namespace betonfs {

// "tree=flat" or "ro"; a value may be empty.
struct NamedOption {
  std::string name;
  std::optional<std::string> value;
};

// Splits at commas; a backslash takes the next character as it is, as libfuse does, so that values
// can hold commas.  Empty options are dropped.
std::vector<NamedOption> SplitMountOptions(std::string_view text);

// Options that every mount has, whatever is mounted.
struct CommonMountOptions {
  std::vector<std::string> passed_on;  // to libfuse and the kernel, "allow_other", "noatime", ...
  std::optional<std::string> fsname;
  std::optional<std::string> subtype;
  bool nonempty = false;
  bool auto_unmount = false;
  bool debug = false;
  unsigned max_threads = 10;
  unsigned readahead_kib = 1024;  // of the kernel's, raised where permitted; 0: left as it is
};

// Takes `option` if it is one of these: those passed on; those of fstab that mean something to
// mount(8) alone (auto, noauto, user, nofail, _netdev, defaults, x-*, X-*, comment=...), which are
// ignored; and rw, suid, dev, exec and their likes, which mount(8) adds without being asked and
// which a mount of this kind never gives.  Returns whether it did.
// Error kInvalidArgument: a value that does not fit, or a missing one
Result<bool> TakeCommonOption(const NamedOption& option, CommonMountOptions& options);

// What every session takes over as it is.  `passed_on` and `fsname` are left to the kind of mount,
// which has a say in them.
void TakeOver(const CommonMountOptions& common, SessionOptions& session);

// The value of an option that needs one.  Error kInvalidArgument: there is none.
Result<std::string> ValueOf(const NamedOption& option);
// "1024", "4K", "1M" in bytes, or a plain number.  Error kInvalidArgument: not a number up to
// `max`.
Result<uint64_t> SizeOf(const NamedOption& option, uint64_t max);

// `command`: whose --help lists the options that are known.
tl::unexpected<Error> UnknownOption(const NamedOption& option, const std::string& command);

}  // namespace betonfs
