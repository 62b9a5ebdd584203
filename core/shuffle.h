// The order that --shuffle SEED means, for every command that has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace betonfs {

// Fisher and Yates with a generator the standard defines to the bit, so that a seed means the same
// order everywhere.  Fewer than 2^32 items.
template <class T>
void Shuffle(std::vector<T>& items, uint64_t seed) {
  std::mt19937_64 random(seed);
  for (size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[(random() >> 32) * i >> 32]);  // i has 32 bits
  }
}

}  // namespace betonfs
