// A piece of a test in a process of its own: what it does to the process, it does to no other test.
#pragma once

#include <functional>

namespace betonfs::test {

// Forks, calls `body` in the child and returns the child's exit status: what `body` returned, or
// 128 + the signal that ended it.  gtest's assertions have no effect in the child.
int RunInChild(const std::function<int()>& body);

}  // namespace betonfs::test
