#include "tests/support/beton_builder.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

namespace betonfs::test {
namespace {

template <class T>
void Append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T>
std::string Joined(const std::vector<T>& items) {
  std::string out;
  for (const T& item : items) Append(out, item);
  return out;
}

void PadTo(std::string& out, uint64_t alignment) {
  while (out.size() % alignment != 0) out += '\0';
}

bool IsScalar(FieldType type) { return type == FieldType::kFloat || type == FieldType::kInt; }
uint64_t CellAlignment(FieldType type) {
  return type == FieldType::kRgbImage || type == FieldType::kBytes || type == FieldType::kJson ? 1
                                                                                               : 8;
}

std::string Cell(FieldType type, const Value& value, uint64_t offset) {
  std::string out;
  switch (type) {
    case FieldType::kFloat:
      Append(out, f64le(value.real));
      break;
    case FieldType::kInt:
      Append(out, i64le(value.integer));
      break;
    case FieldType::kRgbImage:
      Append(out, RawRgbCell{value.mode, value.width, value.height, offset});
      break;
    case FieldType::kBytes:
    case FieldType::kJson:
      Append(out, RawBytesCell{offset, value.payload.size()});
      break;
    default:
      Append(out, u64le(offset));
  }
  return out;
}

// 64 KiB blocks of a range, as FORMAT.md has them.
void AppendChecksums(std::string& out, std::string_view range) {
  for (; !range.empty(); range.remove_prefix(std::min<size_t>(range.size(), 65536))) {
    Append(out, u64le(XXH3_64bits(range.data(), std::min<size_t>(range.size(), 65536))));
  }
}

}  // namespace

Value Int(int64_t integer) { return {.integer = integer, .payload = {}}; }
Value Float(double real) { return {.real = real, .payload = {}}; }
Value Jpeg(std::string bytes, uint16_t width, uint16_t height) {
  return {.payload = std::move(bytes), .mode = 0, .width = width, .height = height};
}
Value Rgb(uint16_t width, uint16_t height, std::string pixels) {
  return {.payload = std::move(pixels), .mode = 1, .width = width, .height = height};
}
Value Blob(std::string bytes) { return {.payload = std::move(bytes)}; }
Value JsonText(std::string text) { return {.payload = std::move(text) + '\0'}; }

struct BetonBuilder::Parts {
  std::string descriptors;
  std::string rows;
  std::string pages;  // from first_page on
  uint64_t first_page = 0;
  std::vector<RawTableRow> table;
};

BetonBuilder& BetonBuilder::PageSize(uint32_t bytes) {
  page_size_bytes_ = bytes;
  return *this;
}
BetonBuilder& BetonBuilder::Field(FieldType type, std::string name, std::vector<uint64_t> shape,
                                  std::string descr) {
  fields_.push_back({type, std::move(name), std::move(shape), std::move(descr)});
  return *this;
}
BetonBuilder& BetonBuilder::Sample(std::vector<Value> values) {
  samples_.push_back(std::move(values));
  return *this;
}
BetonBuilder& BetonBuilder::Order(TableOrder order) {
  order_ = order;
  return *this;
}
BetonBuilder& BetonBuilder::ZeroLengths(ZeroLength rule) {
  zero_length_ = rule;
  return *this;
}
BetonBuilder& BetonBuilder::Paths(std::vector<std::string> paths) {
  paths_ = std::move(paths);
  return *this;
}
BetonBuilder& BetonBuilder::EditTable(std::function<void(std::vector<RawTableRow>&)> edit) {
  edit_table_ = std::move(edit);
  return *this;
}
BetonBuilder& BetonBuilder::EditIndex(std::function<void(HandIndex&)> edit) {
  edit_index_ = std::move(edit);
  return *this;
}
BetonBuilder& BetonBuilder::EditTrailer(std::function<void(RawTrailer&)> edit) {
  edit_trailer_ = std::move(edit);
  return *this;
}

void BetonBuilder::AddFields(Parts& parts) const {
  for (const FieldSpec& field : fields_) {
    RawFieldDescriptor raw{};
    raw.type_id = static_cast<uint8_t>(field.type);
    field.name.copy(raw.name, sizeof raw.name);
    if (!field.descr.empty()) {
      RawArrayArguments arguments{};
      std::copy(field.shape.begin(), field.shape.end(), arguments.shape);
      arguments.descr_size_bytes = field.descr.size();
      field.descr.copy(arguments.descr, sizeof arguments.descr);
      std::memcpy(raw.arguments, &arguments, sizeof arguments);
    }
    Append(parts.descriptors, raw);
  }
}

// Payloads one after another; a sample that does not fit the page begins the next one.
void BetonBuilder::AddSamples(Parts& parts) const {
  uint64_t alignment = 1;
  for (const FieldSpec& field : fields_) alignment = std::max(alignment, CellAlignment(field.type));
  uint64_t row_size = 0;
  for (const FieldSpec& field : fields_) {
    row_size = AlignUp(row_size, CellAlignment(field.type)) + Cell(field.type, {}, 0).size();
  }
  row_size = AlignUp(row_size, alignment);
  const uint64_t rows_end =
      sizeof(RawHeader) + parts.descriptors.size() + samples_.size() * row_size;
  parts.first_page = AlignUp(rows_end, page_size_bytes_);

  for (uint64_t s = 0; s < samples_.size(); ++s) {
    uint64_t sample_size = 0;
    for (const Value& value : samples_[s]) sample_size += value.payload.size() + 1;
    if (parts.pages.size() % page_size_bytes_ + sample_size > page_size_bytes_) {
      PadTo(parts.pages, page_size_bytes_);
    }
    std::string row;
    for (size_t f = 0; f < fields_.size(); ++f) {
      const Value& value = samples_[s][f];
      PadTo(row, CellAlignment(fields_[f].type));
      const uint64_t offset = parts.first_page + parts.pages.size();
      row += Cell(fields_[f].type, value, offset);
      if (IsScalar(fields_[f].type)) continue;
      parts.pages += value.payload;
      if (value.payload.empty() && zero_length_ == ZeroLength::kOwn) parts.pages += '\0';
      parts.table.push_back({s, offset, value.payload.size()});
    }
    PadTo(row, alignment);
    parts.rows += row;
  }
}

void BetonBuilder::OrderTable(Parts& parts) const {
  if (order_ == TableOrder::kReversed) std::reverse(parts.table.begin(), parts.table.end());
  if (order_ == TableOrder::kShuffled) {
    std::mt19937 random(1);
    std::shuffle(parts.table.begin(), parts.table.end(), random);
  }
  if (edit_table_) edit_table_(parts.table);
}

HandIndex BetonBuilder::MakeIndex() const {
  // Directory path -> (name -> sample, or ~0 for a directory), both sorted bytewise.
  std::map<std::string, std::map<std::string, uint64_t>> tree;
  tree[""];
  for (uint64_t s = 0; s < paths_.size(); ++s) {
    std::string path = paths_[s];
    uint64_t target = s;
    for (;;) {
      const size_t slash = path.rfind('/');
      const std::string parent = slash == path.npos ? "" : path.substr(0, slash);
      tree[parent][path.substr(slash == path.npos ? 0 : slash + 1)] = target;
      if (parent.empty()) break;
      path = parent;
      target = ~uint64_t{0};
    }
  }
  std::map<std::string, uint32_t> directory_numbers;
  for (const auto& [path, names] : tree) {
    directory_numbers.emplace(path, static_cast<uint32_t>(directory_numbers.size()));
  }

  HandIndex index;
  index.samples.resize(samples_.size());
  index.directories.resize(tree.size());
  index.directories[0].own_entry = ~uint64_t{0};
  for (const auto& [path, names] : tree) {
    const uint32_t number = directory_numbers[path];
    RawDirectory& directory = index.directories[number];
    directory.first_entry = index.entries.size();
    directory.num_entries = names.size();
    directory.mode = 0755;
    directory.mtime_s = 1'600'000'000;
    for (const auto& [name, target] : names) {
      RawEntry entry{};
      entry.name_offset = index.names.size();
      entry.name_size_bytes = static_cast<uint16_t>(name.size());
      entry.parent = number;
      entry.target = target;
      if (target == ~uint64_t{0}) {
        const uint32_t child = directory_numbers[path.empty() ? name : path + "/" + name];
        entry.kind = static_cast<uint8_t>(EntryKind::kDirectory);
        entry.target = child;
        index.directories[child].own_entry = index.entries.size();
        index.directories[child].parent = number;
      } else {
        std::string payloads;
        for (const Value& value : samples_[target]) payloads += value.payload;
        RawSample& sample = index.samples[target];
        sample.entry = index.entries.size();
        sample.size_bytes = payloads.size();
        sample.xxh3 = XXH3_64bits(payloads.data(), payloads.size());
        sample.mtime_s = 1'700'000'000;
        sample.mode = 0644;
      }
      index.names += name;
      index.entries.push_back(entry);
    }
  }
  return index;
}

std::string BetonBuilder::SealIndex(const Parts& parts, const HandIndex& index,
                                    uint64_t offset) const {
  const std::string sections[] = {Joined(index.directories), Joined(index.entries), index.names,
                                  Joined(index.samples)};
  std::string region;
  RawTrailer trailer{};
  for (size_t i = 0; i < std::size(sections); ++i) {
    PadTo(region, 8);
    trailer.sections[i] = {offset + region.size(), sections[i].size()};
    region += sections[i];
  }
  PadTo(region, 8);

  const std::string table = Joined(parts.table);
  uint64_t checksums_size = 0;
  for (const size_t size :
       {sizeof(RawHeader) + parts.descriptors.size(), parts.rows.size(), table.size(),
        sections[0].size(), sections[1].size(), sections[2].size(), sections[3].size()}) {
    checksums_size += (size + 65535) / 65536 * 8;
  }
  const uint64_t table_offset = offset + region.size() + checksums_size + sizeof trailer;
  std::string header;
  Append(header, RawHeader{kBetonVersion, static_cast<uint16_t>(fields_.size()), page_size_bytes_,
                           samples_.size(), table_offset});
  std::string checksums;
  AppendChecksums(checksums, header + parts.descriptors);
  AppendChecksums(checksums, parts.rows);
  AppendChecksums(checksums, table);
  for (const std::string& section : sections) AppendChecksums(checksums, section);

  std::memcpy(trailer.magic, kTrailerMagic, sizeof trailer.magic);
  trailer.version = kIndexVersion;
  trailer.num_sections = kNumSections;
  trailer.sections[4] = {offset + region.size(), checksums.size()};
  trailer.num_samples = samples_.size();
  trailer.alloc_table_offset = table_offset;
  trailer.file_size_bytes = table_offset + table.size();
  trailer.checksums_xxh3 = XXH3_64bits(checksums.data(), checksums.size());
  if (edit_trailer_) edit_trailer_(trailer);
  trailer.trailer_xxh3 = XXH3_64bits(&trailer, offsetof(RawTrailer, trailer_xxh3));
  region += checksums;
  Append(region, trailer);
  return region;
}

std::string BetonBuilder::Build() const {
  Parts parts;
  AddFields(parts);
  AddSamples(parts);
  OrderTable(parts);
  std::string file(sizeof(RawHeader), '\0');
  file += parts.descriptors + parts.rows;
  if (!parts.pages.empty()) {
    file.resize(parts.first_page, '\0');
    file += parts.pages;
  }
  if (!paths_.empty()) {
    PadTo(file, 8);
    HandIndex index = MakeIndex();
    if (edit_index_) edit_index_(index);
    file += SealIndex(parts, index, file.size());
  }
  const RawHeader header{kBetonVersion, static_cast<uint16_t>(fields_.size()), page_size_bytes_,
                         samples_.size(), file.size()};
  Poke(file, 0, header);
  return file + Joined(parts.table);
}

BetonBuilder MixedBeton() {
  BetonBuilder builder;
  builder.Field(FieldType::kInt, "label")
      .Field(FieldType::kRgbImage, "image")
      .Field(FieldType::kFloat, "score")
      .Field(FieldType::kJson, "meta")
      .Field(FieldType::kBytes, "blob")
      .Field(FieldType::kNdArray, "vec", {2, 3}, R"([["", "<f4"]])")
      .Field(FieldType::kTorchTensor, "tensor", {4}, R"([["", "|u1"]])");
  for (int i = 0; i < 3; ++i) {
    const auto letter = static_cast<char>('a' + i);
    builder.Sample({Int(i * 10 - 10), i == 1 ? Rgb(2, 1, "RGBrgb") : Jpeg(std::string(50, letter)),
                    Float(i + 0.5), JsonText("{\"i\": " + std::to_string(i) + "}"),
                    Blob(std::string(static_cast<size_t>(i), letter)),
                    Blob(std::string(24, letter)), Blob(std::string(4, letter))});
  }
  return builder;
}

BetonBuilder NamedBeton() {
  BetonBuilder builder;
  builder.Field(FieldType::kRgbImage, "image").Field(FieldType::kInt, "label");
  for (int i = 0; i < 4; ++i) {
    builder.Sample(
        {Jpeg(std::string(static_cast<size_t>(100 + i), static_cast<char>('a' + i))), Int(i / 2)});
  }
  builder.Paths({"cats/a.jpg", "cats/b.jpg", "dogs/deep/c.jpg", "dogs/d.jpg"});
  return builder;
}

}  // namespace betonfs::test
