// libFuzzer's mutations, half of them aimed at the numbers of the structures, most of them with the
// checksums made right again afterwards.
#include <algorithm>
#include <cstring>
#include <random>

#include "core/format.h"
#include "tests/fuzz/repair.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using namespace betonfs;

// Most of a file is payload and padding; what readers decide by stands at its ends.
size_t PickOffset(std::span<const uint8_t> file, std::mt19937& random) {
  const size_t head = std::min<size_t>(file.size(), 8192);
  const size_t tail = std::min<size_t>(file.size(), 2048);
  if (random() % 2 == 0) return random() % head;
  return file.size() - 1 - random() % tail;
}

void PokeNumber(std::span<uint8_t> file, std::mt19937& random) {
  const size_t offset = PickOffset(file, random);
  const uint64_t numbers[] = {0,
                              1,
                              random() % 64,
                              offset,
                              file.size(),
                              file.size() - offset,
                              uint64_t{1} << random() % 64,
                              ~uint64_t{0}};
  const uint64_t number = numbers[random() % std::size(numbers)];
  const size_t sizes[] = {1, 2, 4, 8};
  const size_t size = std::min(sizes[random() % std::size(sizes)], file.size() - offset);
  std::memcpy(file.data() + offset, &number, size);
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  std::mt19937 random(seed);
  if (size > sizeof(RawHeader) && random() % 2 == 0) {
    for (unsigned i = 0; i < 1 + random() % 3; ++i) PokeNumber({data, size}, random);
  } else {
    size = LLVMFuzzerMutate(data, size, max_size);
  }
  if (random() % 4 != 0) fuzz::RepairChecksums({data, size});
  return size;
}
