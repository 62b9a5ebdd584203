// Reads whatever can be read of a dataset, to see that nothing leads outside.
#pragma once

#include "core/dataset.h"

namespace betonfs::test {

// Every view of every sample, byte by byte, and every name both ways: all a mount could be asked
// for.  Ends the program where a file's
// size and its contents disagree.
void ReadAll(const Dataset& dataset);

}  // namespace betonfs::test
