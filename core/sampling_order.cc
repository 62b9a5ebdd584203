#include "core/sampling_order.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "core/dataset.h"

namespace betonfs {
namespace {

constexpr uint64_t kRandomTag = 1;
constexpr uint64_t kPagesTag = 2;
constexpr uint64_t kFirstWindowTag = 3;
constexpr uint32_t kRounds = 8;

uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Splits numbers of `bits` bits into two parts that trade places with every round.
class Feistel {
 public:
  Feistel(uint64_t n, uint64_t key) : key_(key) {
    const uint32_t bits = std::max(2, static_cast<int>(std::bit_width(n - 1)));
    upper_bits_ = bits / 2;
    lower_bits_ = bits - upper_bits_;
  }

  // The number of rounds is even, so the widths are back where they were at the end.
  uint64_t Forward(uint64_t x) const {
    uint64_t upper = x >> lower_bits_, lower = x & Mask(lower_bits_);
    for (uint64_t r = 0; r < kRounds; ++r) {
      const uint64_t mixed = upper ^ (Round(r, lower) & Mask(r % 2 ? lower_bits_ : upper_bits_));
      upper = lower;
      lower = mixed;
    }
    return upper << lower_bits_ | lower;
  }

  uint64_t Backward(uint64_t y) const {
    uint64_t upper = y >> lower_bits_, lower = y & Mask(lower_bits_);
    for (uint64_t r = kRounds; r-- > 0;) {
      const uint64_t mixed = lower ^ (Round(r, upper) & Mask(r % 2 ? lower_bits_ : upper_bits_));
      lower = upper;
      upper = mixed;
    }
    return upper << lower_bits_ | lower;
  }

 private:
  static uint64_t Mask(uint32_t bits) { return (uint64_t{1} << bits) - 1; }  // bits <= 32
  uint64_t Round(uint64_t r, uint64_t half) const { return Mix(key_ ^ (r << 56) ^ half); }

  uint64_t key_;
  uint32_t upper_bits_;
  uint32_t lower_bits_;
};

// floor(n * part / whole), exact where the product does not fit 64 bits; part <= whole.
uint64_t Share(uint64_t n, uint64_t part, uint64_t whole) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(Wide{n} * part / whole);
}

// Takes a decimal number without superfluous zeros from the front of `text`.
std::optional<uint64_t> TakeNumber(std::string_view& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto length = static_cast<size_t>(end - text.data());
  if (error != std::errc{} || (length > 1 && text[0] == '0')) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

bool Take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool TakeKind(std::string_view& text, OrderSpec& spec) {
  if (Take(text, "sequential-")) {
    spec.kind = OrderKind::kSequential;
  } else if (Take(text, "random-")) {
    spec.kind = OrderKind::kRandom;
  } else if (Take(text, "quasi")) {
    spec.kind = OrderKind::kQuasiRandom;
    if (Take(text, "-")) return true;
    const auto window = TakeNumber(text);
    if (!window || *window == 0 || *window > UINT32_MAX || !Take(text, "-")) return false;
    if (*window == kDefaultWindowPages) return false;  // that one is called "quasi"
    spec.window_pages = static_cast<uint32_t>(*window);
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::optional<OrderSpec> ParseOrderName(std::string_view name) {
  OrderSpec spec;
  if (!TakeKind(name, spec)) return std::nullopt;
  const auto seed = TakeNumber(name);
  if (!seed || !Take(name, "-")) return std::nullopt;
  const auto epoch = TakeNumber(name);
  if (!epoch) return std::nullopt;
  spec.seed = *seed;
  spec.epoch = *epoch;
  if (name.empty()) return spec;
  if (!Take(name, "-")) return std::nullopt;
  const auto rank = TakeNumber(name);
  if (!rank || !Take(name, "of")) return std::nullopt;
  const auto world = TakeNumber(name);
  if (!world || !name.empty() || *world < 2 || *rank >= *world) return std::nullopt;
  spec.rank = *rank;
  spec.world = *world;
  return spec;
}

std::string OrderName(const OrderSpec& spec) {
  std::string name = spec.kind == OrderKind::kSequential ? "sequential"
                     : spec.kind == OrderKind::kRandom   ? "random"
                                                         : "quasi";
  if (spec.kind == OrderKind::kQuasiRandom && spec.window_pages != kDefaultWindowPages) {
    name += std::to_string(spec.window_pages);
  }
  name += "-" + std::to_string(spec.seed) + "-" + std::to_string(spec.epoch);
  if (spec.world > 1) name += "-" + std::to_string(spec.rank) + "of" + std::to_string(spec.world);
  return name;
}

uint64_t Permute(uint64_t n, uint64_t key, uint64_t x) {
  if (n < 2) return 0;
  const Feistel feistel(n, key);
  do x = feistel.Forward(x);
  while (x >= n);
  return x;
}

uint64_t PermuteBack(uint64_t n, uint64_t key, uint64_t y) {
  if (n < 2) return 0;
  const Feistel feistel(n, key);
  do y = feistel.Backward(y);
  while (y >= n);
  return y;
}

Result<std::vector<uint64_t>> PageStarts(const Dataset& dataset) {
  std::vector<uint64_t> starts;
  if (dataset.num_samples() == 0) return starts;
  const Extent pages = dataset.pages();
  const uint64_t page_size = dataset.page_size_bytes();
  const uint64_t end = pages.offset + pages.size;
  for (uint64_t offset = AlignDown(pages.offset, page_size); offset < end; offset += page_size) {
    ASSIGN_OR_RETURN(const SampleRange samples, dataset.SamplesIn({offset, page_size}));
    if (samples.count > 0) starts.push_back(samples.first);
  }
  if (starts.empty()) starts.push_back(0);  // samples without payloads: one page, so to speak
  starts.front() = 0;
  starts.push_back(dataset.num_samples());
  return starts;
}

Result<SamplingOrder> SamplingOrder::Make(const OrderSpec& spec, uint64_t num_samples,
                                          std::vector<uint64_t> page_starts) {
  if (spec.world == 0 || spec.rank >= spec.world) {
    return Fail(ErrorKind::kInvalidArgument, "order: rank " + std::to_string(spec.rank) + " of " +
                                                 std::to_string(spec.world) + " ranks");
  }
  SamplingOrder order;
  order.spec_ = spec;
  order.num_samples_ = num_samples;
  order.begin_ = Share(num_samples, spec.rank, spec.world);
  order.end_ = Share(num_samples, spec.rank + 1, spec.world);
  if (spec.kind != OrderKind::kQuasiRandom || num_samples == 0) return order;
  const bool fits = page_starts.size() >= 2 && page_starts.size() <= UINT32_MAX &&
                    page_starts.front() == 0 && page_starts.back() == num_samples &&
                    std::is_sorted(page_starts.begin(), page_starts.end());
  if (spec.window_pages == 0 || !fits) {
    return Fail(ErrorKind::kInvalidArgument,
                "order: window of " + std::to_string(spec.window_pages) + " pages over " +
                    std::to_string(page_starts.size()) + " page starts and " +
                    std::to_string(num_samples) + " samples");
  }
  order.page_starts_ = std::move(page_starts);
  order.LayWindows();
  return order;
}

void SamplingOrder::LayWindows() {
  const uint64_t pages = NumPages();
  uint64_t position = 0;
  for (uint64_t k = 0; k < pages; ++k) {
    if (k % spec_.window_pages == 0) window_begin_.push_back(position);
    visited_.push_back(static_cast<uint32_t>(Permute(pages, Key(kPagesTag), k)));
    position += PageSize(visited_.back());
  }
  window_begin_.push_back(position);
}

uint64_t SamplingOrder::Key(uint64_t tag) const {
  return Mix(Mix(Mix(spec_.seed) ^ spec_.epoch) ^ tag);
}

SampleIndex SamplingOrder::At(uint64_t position) const {
  const uint64_t global = begin_ + position;
  switch (spec_.kind) {
    case OrderKind::kSequential:
      return SampleIndex{global};
    case OrderKind::kRandom:
      return SampleIndex{Permute(num_samples_, Key(kRandomTag), global)};
    case OrderKind::kQuasiRandom:
      break;
  }
  return SampleIndex{QuasiAt(global)};
}

std::optional<uint64_t> SamplingOrder::PositionOf(SampleIndex sample) const {
  if (Number(sample) >= num_samples_) return std::nullopt;
  uint64_t global = Number(sample);
  if (spec_.kind == OrderKind::kRandom) global = PermuteBack(num_samples_, Key(kRandomTag), global);
  if (spec_.kind == OrderKind::kQuasiRandom) global = QuasiPositionOf(global);
  if (global < begin_ || global >= end_) return std::nullopt;
  return global - begin_;
}

uint64_t SamplingOrder::QuasiAt(uint64_t global) const {
  const auto after = std::upper_bound(window_begin_.begin(), window_begin_.end(), global);
  const auto window = static_cast<uint64_t>(after - window_begin_.begin()) - 1;
  const uint64_t begin = window_begin_[window];
  uint64_t rest = Permute(*after - begin, Key(kFirstWindowTag + window), global - begin);
  uint64_t k = window * spec_.window_pages;
  while (rest >= PageSize(visited_[k])) rest -= PageSize(visited_[k++]);
  return page_starts_[visited_[k]] + rest;
}

uint64_t SamplingOrder::QuasiPositionOf(uint64_t sample) const {
  const auto after = std::upper_bound(page_starts_.begin(), page_starts_.end(), sample);
  const auto page = static_cast<uint64_t>(after - page_starts_.begin()) - 1;
  const uint64_t k = PermuteBack(NumPages(), Key(kPagesTag), page);
  const uint64_t window = k / spec_.window_pages;
  uint64_t drawn = sample - page_starts_[page];
  for (uint64_t i = window * spec_.window_pages; i < k; ++i) drawn += PageSize(visited_[i]);
  const uint64_t begin = window_begin_[window];
  return begin +
         PermuteBack(window_begin_[window + 1] - begin, Key(kFirstWindowTag + window), drawn);
}

}  // namespace betonfs
