#include "core/sample_table.h"

#include <cassert>
#include <cstring>
#include <limits>
#include <utility>
#include <variant>

#include "core/block_checks.h"
#include "core/text.h"

namespace betonfs {

// Which rows belong to which sample: rows_[starts_[s] .. starts_[s + 1]), in the order of the
// table.
class SampleTable::OutOfOrderIndex {
 public:
  // What it will take at most.
  static uint64_t SizeBytes(const SampleTable& table) {
    const uint64_t entry_size_bytes = NeedsWideEntries(table) ? 8 : 4;
    return (table.num_samples_ + table.num_rows()) * entry_size_bytes;
  }

  explicit OutOfOrderIndex(const SampleTable& table) {
    if (NeedsWideEntries(table)) {
      Build(table, lists_.emplace<Lists<uint64_t>>());
    } else {
      Build(table, lists_.emplace<Lists<uint32_t>>());
    }
  }

  // Calls `visit(row_index)` for each row of the sample.
  template <class Visit>
  void ForEach(SampleIndex sample, Visit visit) const {
    std::visit(
        [&](const auto& lists) {
          const uint64_t s = Number(sample);
          for (uint64_t i = lists.starts[s]; i < lists.starts[s + 1]; ++i) visit(lists.rows[i]);
        },
        lists_);
  }

 private:
  static bool NeedsWideEntries(const SampleTable& table) {
    return table.num_rows() > std::numeric_limits<uint32_t>::max();
  }

  template <class Index>
  struct Lists {
    std::vector<Index> starts;
    std::vector<Index> rows;
  };

  // A counting sort.  Rows of samples that do not exist (FFCV allows them) are left out.
  template <class Index>
  static void Build(const SampleTable& table, Lists<Index>& lists) {
    const uint64_t num_samples = table.num_samples_;
    auto& starts = lists.starts;
    starts.assign(num_samples + 2, 0);
    for (uint64_t i = 0; i < table.num_rows(); ++i) {
      const uint64_t sample = table.RawRow(i).sample;
      if (sample < num_samples) ++starts[sample + 2];
    }
    for (uint64_t s = 2; s < starts.size(); ++s) starts[s] += starts[s - 1];
    lists.rows.resize(starts.back());
    for (uint64_t i = 0; i < table.num_rows(); ++i) {
      const uint64_t sample = table.RawRow(i).sample;
      if (sample < num_samples) lists.rows[starts[sample + 1]++] = static_cast<Index>(i);
    }
    starts.pop_back();  // the loop moved every start one place down
  }

  std::variant<Lists<uint32_t>, Lists<uint64_t>> lists_;
};

SampleTable::SampleTable(Bytes table, uint64_t table_offset, uint64_t num_samples,
                         uint32_t num_payloads, const BlockChecks* checks, std::string path,
                         uint64_t index_limit_bytes)
    : table_(table),
      table_offset_(table_offset),
      num_samples_(num_samples),
      num_payloads_(num_payloads),
      checks_(checks),
      path_(std::move(path)),
      index_limit_bytes_(index_limit_bytes) {}

SampleTable::~SampleTable() = default;

RawTableRow SampleTable::RawRow(uint64_t index) const {
  assert(index < num_rows());
  RawTableRow row;
  std::memcpy(&row, table_.data() + index * sizeof row, sizeof row);
  return row;
}

Result<RawTableRow> SampleTable::Row(uint64_t index) const {
  if (checks_) RETURN_IF_ERROR(checks_->Touch(index * sizeof(RawTableRow), sizeof(RawTableRow)));
  return RawRow(index);
}

Result<uint64_t> SampleTable::PayloadSize(SampleIndex sample, uint32_t payload_number,
                                          uint64_t payload_offset,
                                          std::optional<uint64_t> expected_size) const {
  assert(Number(sample) < num_samples_ && payload_number < num_payloads_);
  const uint64_t index = Number(sample) * num_payloads_ + payload_number;
  if (index < num_rows()) {
    ASSIGN_OR_RETURN(const RawTableRow row, Row(index));
    if (row.sample == Number(sample) && row.payload_offset == payload_offset &&
        row.payload_size_bytes == expected_size.value_or(row.payload_size_bytes)) {
      return row.payload_size_bytes;
    }
    if (checks_) {
      return NoRow(sample, payload_offset, expected_size,
                   Cat("row ", index, " is (", uint64_t{row.sample}, ", ",
                       uint64_t{row.payload_offset}, ", ", uint64_t{row.payload_size_bytes}, ")"));
    }
  }
  return SearchOutOfOrder(sample, payload_number, payload_offset, expected_size);
}

Result<uint64_t> SampleTable::SearchOutOfOrder(SampleIndex sample, uint32_t payload_number,
                                               uint64_t payload_offset,
                                               std::optional<uint64_t> expected_size) const {
  RETURN_IF_ERROR(
      CheckWorkingMemory(OutOfOrderIndex::SizeBytes(*this), index_limit_bytes_, path_,
                         "the index over its allocation table, which is out of order,"));
  std::call_once(index_built_, [this] { index_ = std::make_unique<OutOfOrderIndex>(*this); });
  uint64_t num_rows_of_sample = 0;
  std::optional<uint64_t> by_position, longest;
  index_->ForEach(sample, [&](uint64_t index) {
    const RawTableRow row = RawRow(index);
    const bool own_position = num_rows_of_sample++ == payload_number;
    const uint64_t size = row.payload_size_bytes;
    if (row.payload_offset != payload_offset || size != expected_size.value_or(size)) return;
    if (own_position) by_position = size;
    if (!longest || size > *longest) longest = size;
  });
  // A worker of FFCV reports the rows of a sample together and in the order of the fields.
  if (by_position && num_rows_of_sample == num_payloads_) return *by_position;
  if (longest) return *longest;
  return NoRow(sample, payload_offset, expected_size,
               Cat("none of its ", num_rows_of_sample, " rows does"));
}

tl::unexpected<Error> SampleTable::NoRow(SampleIndex sample, uint64_t payload_offset,
                                         std::optional<uint64_t> expected_size,
                                         std::string found) const {
  return Fail(
      ErrorKind::kCorrupt,
      Cat(path_, ": sample ", Number(sample), ": no row of the allocation table at offset ",
          table_offset_, " gives its payload at ", payload_offset,
          expected_size ? Cat(" a size of ", *expected_size) : std::string(" a size"), ": ") +
          std::move(found));
}

}  // namespace betonfs
