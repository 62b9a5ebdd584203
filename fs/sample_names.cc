#include "fs/sample_names.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>

#include "core/sample_view.h"

namespace betonfs {
namespace {

std::string_view UsualExtension(FieldType type) {
  switch (type) {
    case FieldType::kRgbImage:
      return "jpg";
    case FieldType::kNdArray:
    case FieldType::kTorchTensor:
      return "npy";
    case FieldType::kJson:
      return "json";
    case FieldType::kInt:
      return "cls";
    case FieldType::kFloat:
      return "txt";
    case FieldType::kBytes:
    case FieldType::kCustom:
      return "bin";
  }
  return "bin";
}

// Zero-padded to `num_digits`; returns the end.
char* WritePadded(char* out, uint64_t number, size_t num_digits) {
  for (size_t i = num_digits; i-- > 0; number /= 10) out[i] = static_cast<char>('0' + number % 10);
  return out + num_digits;
}

char* Write(char* out, std::string_view text) { return std::copy(text.begin(), text.end(), out); }

}  // namespace

size_t NumDigits(uint64_t count) { return std::to_string(count > 0 ? count - 1 : 0).size(); }

void AppendPadded(std::string& out, uint64_t number, size_t num_digits) {
  char digits[32];
  out.append(digits, WritePadded(digits, number, num_digits));
}

std::optional<uint64_t> ParsePadded(std::string_view text, size_t num_digits) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  if (text.size() != num_digits || text.empty() || text.front() < '0' || text.front() > '9') {
    return std::nullopt;
  }
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::vector<NamedField> NameAllFields(const Schema& schema) {
  std::vector<NamedField> named;
  std::set<std::string> taken;
  for (const Field& field : schema.fields()) {
    const uint16_t number = schema.NumberOf(field);
    if (field.has_payload && schema.num_payloads() == 1) {
      named.push_back({number, ""});
      continue;
    }
    std::string name = field.name.empty() ? "field" + std::to_string(number) : field.name;
    std::replace(name.begin(), name.end(), '/', '_');
    while (!taken.insert(name).second) name += "_" + std::to_string(number);
    named.push_back({number, "." + name});
  }
  return named;
}

SampleNames::SampleNames(const Shards& shards, SampleRange range, std::vector<NamedField> fields,
                         size_t min_digits, RawView raw_view)
    : shards_(&shards),
      range_(range),
      fields_(std::move(fields)),
      num_digits_(std::max(min_digits, NumDigits(range.count))),
      raw_view_(raw_view) {}

std::string_view SampleNames::Extension(SampleIndex sample, uint16_t field) const {
  const auto local = shards_->Locate(sample);
  const auto extension = local.shard->viewer->Extension(local.index, field, raw_view_);
  if (extension) return *extension;
  if (field == kScalarsField) return "json";
  return UsualExtension(shards_->schema().fields()[field].type);
}

std::string_view SampleNames::Format(SampleIndex sample, size_t which, Buffer& buffer) const {
  const NamedField& field = fields_[which];
  char* end = WritePadded(buffer.data(), Number(sample) - range_.first, num_digits_);
  end = Write(end, field.middle);
  *end++ = '.';
  end = Write(end, Extension(sample, field.field));
  return {buffer.data(), static_cast<size_t>(end - buffer.data())};
}

std::optional<SampleNames::Parsed> SampleNames::Parse(std::string_view name) const {
  const auto number = ParsePadded(name.substr(0, name.find('.')), num_digits_);
  if (!number || *number >= range_.count) return std::nullopt;
  const SampleIndex sample{range_.first + *number};
  Buffer buffer;
  for (size_t which = 0; which < fields_.size(); ++which) {
    if (Format(sample, which, buffer) == name) return Parsed{sample, which};
  }
  return std::nullopt;
}

}  // namespace betonfs
