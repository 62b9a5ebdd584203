#include "fs/verify.h"

#include <vector>

#include "core/text.h"
#include "core/xxh3_stream.h"
#include "fs/sigbus_guard.h"

namespace betonfs {
namespace {

// Of the samples, those whose payloads cannot be found.  Returns how many there are.
uint64_t CountLostSamples(const Dataset& dataset, std::vector<Error>& first) {
  uint64_t num_lost = 0;
  for (uint64_t sample = 0; sample < dataset.num_samples(); ++sample) {
    for (const Field& field : dataset.schema().fields()) {
      if (!field.has_payload) continue;
      const auto payload = dataset.PayloadOf(SampleIndex{sample}, field);
      if (payload) continue;
      if (first.empty()) first.push_back(payload.error());
      ++num_lost;
      break;
    }
  }
  return num_lost;
}

Status VerifyUnguarded(const Dataset& dataset) {
  if (dataset.index_error() != nullptr) return tl::unexpected(*dataset.index_error());
  std::vector<Error> errors;
  if (dataset.index() != nullptr) errors = dataset.index()->VerifyAll();
  uint64_t num_errors = errors.size();
  num_errors += CountLostSamples(dataset, errors);
  if (num_errors == 0) return {};
  Error error = std::move(errors.front());
  if (num_errors > 1) error.message += Cat(" (and ", num_errors - 1, " more: see betonfs check)");
  return tl::unexpected(std::move(error));
}

}  // namespace

std::optional<VerifyMode> ParseVerifyMode(std::string_view text) {
  if (text == "off") return VerifyMode::kOff;
  if (text == "open") return VerifyMode::kOpen;
  if (text == "read") return VerifyMode::kRead;
  return std::nullopt;
}

Status VerifyStructures(const Dataset& dataset) {
  return ReadGuarded([&] { return VerifyUnguarded(dataset); });
}

ContentsCheck::ContentsCheck(const Dataset& dataset)
    : dataset_(dataset), good_(dataset.index() != nullptr ? dataset.num_samples() : 0) {}

Status ContentsCheck::Check(SampleIndex sample) {
  const uint64_t number = Number(sample);
  if (!possible() || number >= dataset_.num_samples() || good_.Test(number)) return {};
  Status verified = ReadGuarded([&] { return Verify(sample); });
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
