#include "core/xxh3_stream.h"

#include <xxhash.h>

#include <new>

namespace betonfs {

Xxh3Stream::Xxh3Stream() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();  // as any other allocation would
  Reset();
}

void Xxh3Stream::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

void Xxh3Stream::Reset() { XXH3_64bits_reset(state_.get()); }

void Xxh3Stream::Update(Bytes part) { XXH3_64bits_update(state_.get(), part.data(), part.size()); }

uint64_t Xxh3Stream::Digest() const { return XXH3_64bits_digest(state_.get()); }

}  // namespace betonfs
