// XXH3-64, seed 0, of bytes that come in parts.  Of one part, Xxh3() gives the same.
#pragma once

#include <cstdint>
#include <memory>

#include "core/bytes.h"

struct XXH3_state_s;

namespace betonfs {

// One thread at a time.  May be used again after Reset().
class Xxh3Stream {
 public:
  Xxh3Stream();

  void Reset();
  void Update(Bytes part);
  uint64_t Digest() const;  // of the parts since Reset()

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace betonfs
