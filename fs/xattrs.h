// What getfattr tells about a sample's file: user.betonfs.*
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "fs/tree.h"

namespace betonfs {

inline constexpr std::string_view kXattrPrefix = "user.betonfs.";

// The value of "user.betonfs.<name>" of a file, as text without newline; nullopt if there is none.
//
//   sample             number over all files of the mount
//   field              name of the field the file shows
//   page offset size   where the payload lies in the dataset file, for programs that map it
//   file               absolute path of that dataset file
//   label              the label field's number
//   width height       of an image
//   mode               of an image: jpg or raw
//   xxh3               XXH3-64 of the contents, 16 hexadecimal digits, where the file stores it
//   <scalar field>     its number, by the field's name, unless one of the above is called so
//
// They can be read but are not listed, so that cp -a and rsync -X do not copy them.
// Errors: as Tree.
Result<std::optional<std::string>> XattrOf(const Tree& tree, Ino file, std::string_view name);

}  // namespace betonfs
