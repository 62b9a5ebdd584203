// betonfs order: tells a mount in which order its files are going to be read.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/text.h"
#include "fs/inode.h"
#include "fs/mount_table.h"
#include "fs/mountpoint.h"
#include "fs/order_ioctl.h"
#include "tools/commands.h"
#include "tools/exit_codes.h"

namespace betonfs {
namespace {

struct OrderOptions {
  std::string mountpoint;
  std::string list;
};

// The inode tells the sample, and the stat makes the file known to the kernel, which is what
// pushing it takes.
Result<uint32_t> SampleOf(const std::string& mountpoint, const std::string& path, dev_t device) {
  const std::string full = path.starts_with('/') ? path : mountpoint + "/" + path;
  struct stat st {};
  if (lstat(full.c_str(), &st) != 0) return FailErrno(full, errno);
  const Ino ino(st.st_ino);
  if (st.st_dev != device || !ino.is_file()) {
    return Fail(ErrorKind::kInvalidArgument, full + ": not a sample's file of " + mountpoint);
  }
  if (Number(ino.sample()) > std::numeric_limits<uint32_t>::max()) {
    return Fail(ErrorKind::kUnsupported, full + ": a list can name the first 2^32 samples only");
  }
  return static_cast<uint32_t>(Number(ino.sample()));
}

Result<std::vector<uint32_t>> ReadList(const OrderOptions& options, const std::string& mountpoint) {
  struct stat root {};
  if (stat(mountpoint.c_str(), &root) != 0) return FailErrno(mountpoint, errno);
  std::ifstream file;
  if (options.list != "-") {
    file.open(options.list);
    if (!file) return FailErrno(options.list, errno);
  }
  std::istream& lines = options.list == "-" ? std::cin : file;
  std::vector<uint32_t> samples;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    auto sample = SampleOf(mountpoint, line, root.st_dev);
    if (!sample) {
      Error error = std::move(sample).error();
      error.message = Cat(options.list, ": line ", samples.size() + 1, ": ", error.message);
      return tl::unexpected(std::move(error));
    }
    samples.push_back(*sample);
  }
  return samples;
}

Status Send(const std::vector<uint32_t>& samples, const std::string& mountpoint) {
  ASSIGN_OR_RETURN(const UniqueFd control, OpenFile(mountpoint + "/.betonfs/info.json", O_RDONLY));
  const auto piece = std::make_unique<OrderPiece>();
  for (size_t first = 0; first < samples.size(); first += piece->count) {
    const size_t count = std::min<size_t>(kOrderPieceSamples, samples.size() - first);
    piece->first = first;
    piece->count = static_cast<uint32_t>(count);
    piece->is_last = first + count == samples.size();
    std::copy_n(samples.begin() + static_cast<ptrdiff_t>(first), count, piece->samples);
    if (ioctl(control.get(), kOrderIoctl, piece.get()) != 0) {
      return FailErrno(mountpoint + ": cannot hand the order to the mount", errno);
    }
  }
  return {};
}

Status Order(const OrderOptions& options) {
  ASSIGN_OR_RETURN(const std::string mountpoint, ResolveMountpoint(options.mountpoint));
  ASSIGN_OR_RETURN(const auto mount, FindMount(mountpoint));
  if (!mount || mount->type != "fuse.betonfs") {
    return Fail(ErrorKind::kInvalidArgument, mountpoint + ": not a mount of betonfs");
  }
  ASSIGN_OR_RETURN(const std::vector<uint32_t> samples, ReadList(options, mountpoint));
  if (samples.empty()) {
    return Fail(ErrorKind::kInvalidArgument, options.list + ": no paths, expected one a line");
  }
  return Send(samples, mountpoint);
}

}  // namespace

void AddOrder(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<OrderOptions>();
  CLI::App* order =
      app.add_subcommand("order", "Tell a mount the order in which its files will be read");
  order->footer(
      "LIST holds one path a line, below the mountpoint or absolute; '-' is standard input.  The\n"
      "mount then reads and pushes ahead of the reader along the list.\n");
  order->add_option("MOUNTPOINT", options->mountpoint, "a mount of betonfs")->required();
  order->add_option("LIST", options->list, "a file of paths, or '-'")->required();
  order->callback([options, &exit_code] {
    const Status status = Order(*options);
    exit_code = status ? kExitOk : ReportError(status.error());
  });
}

}  // namespace betonfs
