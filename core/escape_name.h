// File names for people: on a terminal, in a log line, in a message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace betonfs {

// `name` with everything that could steer a terminal or break a line written as an escape, like
// `ls -b` does: \n \t \r \\ by letter, other control characters, bytes that are not valid UTF-8
// and the characters that reorder or break lines of text (U+2028 to U+202E, U+2066 to U+2069) as
// \ooo, byte by byte. Spaces and all other UTF-8 stay as they are.  The escapes can be undone with
// printf '%b'.
std::string EscapeName(std::string_view name);
std::vector<std::string> EscapeNames(const std::vector<std::string>& names);

// The same for a whole message, where a backslash stays as it is: it may begin the escape of a name
// in it.
std::string EscapeMessage(std::string_view message);

}  // namespace betonfs
