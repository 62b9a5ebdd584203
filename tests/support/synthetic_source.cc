#include "tests/support/synthetic_source.h"

#include <algorithm>
#include <cstring>

namespace betonfs::test {
namespace {

constexpr size_t kNumDigits = 9;

std::string Digits(uint64_t number, size_t width) {
  std::string text = std::to_string(number);
  if (text.size() < width) text.insert(0, width - text.size(), '0');
  return text;
}

uint64_t Word(uint64_t sample, uint64_t number) {
  uint64_t mixed = (sample << 32 ^ number) * 0x9e3779b97f4a7c15u;
  return mixed ^ mixed >> 29;
}

class SyntheticReader : public SampleReader {
 public:
  SyntheticReader(const SyntheticSource& source, const SyntheticOptions& options)
      : source_(source), options_(options) {}

  Status Read(const PayloadPart& part, MutableBytes room) override {
    if (options_.check) RETURN_IF_ERROR(options_.check(Number(part.sample)));
    for (uint64_t done = 0; done < part.size;) {
      const uint64_t position = part.offset + done;
      const uint64_t word = Word(Number(part.sample), position / 8);
      const uint64_t count = std::min(8 - position % 8, part.size - done);
      std::memcpy(&room[done], reinterpret_cast<const char*>(&word) + position % 8, count);
      done += count;
    }
    return {};
  }

  Status Describe(SampleIndex sample, MutableBytes row) override {
    WriteInt(row, source_.schema().fields()[1],
             static_cast<int64_t>(source_.DirectoryOf(Number(sample))));
    return {};
  }

 private:
  const SyntheticSource& source_;
  const SyntheticOptions& options_;
};

Schema MakeSchema() {
  std::vector<Field> fields(2);
  fields[0].type = FieldType::kBytes;
  fields[0].name = "data";
  fields[1].type = FieldType::kInt;
  fields[1].name = "label";
  return *Schema::Make(std::move(fields));
}

}  // namespace

std::byte SyntheticByte(uint64_t sample, uint64_t position) {
  return static_cast<std::byte>(Word(sample, position / 8) >> position % 8 * 8);
}

SyntheticSource::SyntheticSource(SyntheticOptions options)
    : options_(std::move(options)), schema_(MakeSchema()) {
  sizes_.reserve(options_.num_samples);
  for (uint64_t i = 0; i < options_.num_samples; ++i) sizes_.push_back(options_.size_of(i));
}

uint64_t SyntheticSource::DirectoryOf(uint64_t sample) const {
  const uint64_t per_directory =
      (options_.num_samples + options_.num_directories - 1) / options_.num_directories;
  return sample / per_directory;
}

std::string SyntheticSource::NameOf(uint64_t sample) const {
  return Digits(sample, kNumDigits) + ".bin";
}

std::string SyntheticSource::PathOf(uint64_t sample) const {
  return "d" + Digits(DirectoryOf(sample), kNumDigits) + "/" + NameOf(sample);
}

std::unique_ptr<SampleReader> SyntheticSource::NewReader() {
  return std::make_unique<SyntheticReader>(*this, options_);
}

Status SyntheticSource::AddNames(IndexBuilder& index, std::span<const uint64_t> xxh3) {
  const EntryAttributes attributes{.mtime_s = 1'600'000'000};
  DirIndex directory = kRootDir;
  for (uint64_t i = 0; i < options_.num_samples; ++i) {
    if (i == 0 || DirectoryOf(i) != DirectoryOf(i - 1)) {
      directory = index.AddDirectory(kRootDir, "d" + Digits(DirectoryOf(i), kNumDigits),
                                     {.mode = 0755, .mtime_s = 1'600'000'000});
    }
    index.AddSample(SampleIndex{i}, directory, NameOf(i), attributes, sizes_[i], xxh3[i]);
  }
  return {};
}

}  // namespace betonfs::test
