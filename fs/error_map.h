// The one place where an Error becomes an errno for the kernel.
#pragma once

#include "core/result.h"

namespace betonfs {

// The positive errno that a request fails with.
int ErrnoOf(const Error& error);

}  // namespace betonfs
