#include "fs/contents_check.h"

#include "core/text.h"
#include "core/xxh3_stream.h"
#include "fs/sigbus_guard.h"

namespace betonfs {

ContentsCheck::ContentsCheck(const Dataset& dataset)
    : dataset_(dataset), good_(dataset.index() != nullptr ? dataset.num_samples() : 0) {}

Status ContentsCheck::Check(SampleIndex sample) {
  const uint64_t number = Number(sample);
  if (!possible() || number >= dataset_.num_samples() || good_.Test(number)) return {};
  const Status verified = ReadGuarded([&] { return Verify(sample); });
  if (verified) {
    good_.Set(number);
  } else {
    num_failed_.fetch_add(1, std::memory_order_relaxed);
  }
  return verified;
}

Status ContentsCheck::Verify(SampleIndex sample) const {
  ASSIGN_OR_RETURN(const SampleRecord record, dataset_.index()->SampleAt(sample));
  Xxh3Stream contents;
  for (const Field& field : dataset_.schema().fields()) {
    if (!field.has_payload) continue;
    ASSIGN_OR_RETURN(const Payload payload, dataset_.PayloadOf(sample, field));
    contents.Update(payload.bytes);
  }
  const uint64_t found = contents.Digest();
  if (found == record.xxh3) return {};
  return Fail(ErrorKind::kCorrupt,
              Cat(dataset_.path(), ": sample ", Number(sample), ": contents have checksum ",
                  Hex(found), ", expected ", Hex(record.xxh3)));
}

}  // namespace betonfs
