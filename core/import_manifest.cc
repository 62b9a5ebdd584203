#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/escape_name.h"
#include "core/file.h"
#include "core/import_plan.h"
#include "core/schema_choice.h"
#include "core/text.h"

namespace betonfs {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFileName[] = "file_name";
constexpr char kLabel[] = "label";

// More levels than any record has; nlohmann's dump() goes one call deeper for each.
constexpr size_t kMaxJsonDepth = 256;

template <class Number>
std::optional<Number> NumberIn(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

// One record of RFC 4180: quotes may hold commas, line ends and doubled quotes.
enum class CsvEnd { kRecord, kFile, kOpenQuote };
CsvEnd ReadCsvRecord(std::istream& in, std::vector<std::string>& fields) {
  fields.clear();
  if (in.peek() == std::istream::traits_type::eof()) return CsvEnd::kFile;
  std::string field;
  bool quoted = false;
  for (int c = in.get(); c != std::istream::traits_type::eof(); c = in.get()) {
    if (quoted && c == '"' && in.peek() == '"') {
      field += static_cast<char>(in.get());
    } else if (c == '"' && (quoted || field.empty())) {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.push_back(std::move(field));
      field.clear();
    } else if (c == '\n' && !quoted) {
      break;
    } else if (c != '\r' || quoted || in.peek() != '\n') {
      field += static_cast<char>(c);
    }
  }
  fields.push_back(std::move(field));
  return quoted ? CsvEnd::kOpenQuote : CsvEnd::kRecord;
}

// Spreadsheets put one in front.
void SkipByteOrderMark(std::istream& in) {
  for (const int expected : {0xef, 0xbb, 0xbf}) {
    if (in.peek() != expected) return;
    in.get();
  }
}

// A column of numbers becomes numbers if all of it are; one of texts stays as it is written.
void TypeColumn(const std::string& name, std::vector<Json>& records) {
  std::vector<Json> integers, reals;
  for (const Json& record : records) {
    const auto& text = record[name].get_ref<const std::string&>();
    if (const auto integer = NumberIn<int64_t>(text)) integers.emplace_back(*integer);
    if (const auto real = NumberIn<double>(text)) reals.emplace_back(*real);
  }
  const auto& values = integers.size() == records.size() ? integers : reals;
  if (values.size() != records.size()) return;
  for (size_t i = 0; i < records.size(); ++i) records[i][name] = values[i];
}

Status CheckHead(const std::vector<std::string>& names, const std::string& path) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (std::find(names.begin(), names.begin() + static_cast<ptrdiff_t>(i), names[i]) ==
        names.begin() + static_cast<ptrdiff_t>(i)) {
      continue;
    }
    return Fail(ErrorKind::kInvalidArgument,
                Cat(path, ": column '", EscapeName(names[i]), "' is there twice"));
  }
  return {};
}

Result<std::vector<Json>> ReadCsv(std::istream& in, const std::string& path) {
  std::vector<std::string> names, fields;
  ReadCsvRecord(in, names);
  RETURN_IF_ERROR(CheckHead(names, path));
  std::vector<Json> records;
  for (CsvEnd end; (end = ReadCsvRecord(in, fields)) != CsvEnd::kFile;) {
    if (fields.size() == 1 && fields[0].empty()) continue;  // an empty line
    if (end == CsvEnd::kOpenQuote) {
      return Fail(ErrorKind::kInvalidArgument,
                  Cat(path, ": a quote of record ", records.size() + 1, " is never closed"));
    }
    if (fields.size() != names.size()) {
      return Fail(ErrorKind::kInvalidArgument,
                  Cat(path, ": record ", records.size() + 1, " has ", fields.size(),
                      " fields, the head has ", names.size()));
    }
    Json record = Json::object();
    for (size_t i = 0; i < names.size(); ++i) record[names[i]] = std::move(fields[i]);
    records.push_back(std::move(record));
  }
  for (const std::string& name : names) {
    if (name != kFileName) TypeColumn(name, records);
  }
  return records;
}

// Brackets that are open at once; those in strings count too, which no sane record notices.
size_t DepthOf(const std::string& json) {
  size_t depth = 0, deepest = 0;
  for (const char c : json) {
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if ((c == ']' || c == '}') && depth > 0) --depth;
  }
  return deepest;
}

Result<std::vector<Json>> ReadJsonLines(std::istream& in, const std::string& path) {
  std::vector<Json> records;
  std::string line;
  for (uint64_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    if (DepthOf(line) > kMaxJsonDepth) {
      return Fail(ErrorKind::kInvalidArgument,
                  Cat(path, ": line ", number, " is nested deeper than ", kMaxJsonDepth));
    }
    Json record = Json::parse(line, nullptr, false);
    if (!record.is_object()) {
      return Fail(ErrorKind::kInvalidArgument, Cat(path, ": line ", number, " is no JSON object"));
    }
    records.push_back(std::move(record));
  }
  return records;
}

bool AllOf(const std::vector<Json>& records, const std::string& name,
           bool (*is)(const Json& value)) {
  return std::all_of(records.begin(), records.end(), [&](const Json& record) {
    const auto value = record.find(name);
    return value != record.end() && is(*value);
  });
}

// Unsigned ones beyond int64 are reals.
bool IsInteger(const Json& value) {
  return value.is_number_integer() &&
         (!value.is_number_unsigned() || value.get<uint64_t>() >> 63 == 0);
}
bool IsNumber(const Json& value) { return value.is_number(); }
bool IsText(const Json& value) { return value.is_string(); }

class ManifestPlanner {
 public:
  ManifestPlanner(const std::string& path, std::vector<Json> records)
      : path_(path), records_(std::move(records)) {}

  Result<ImportPlan> Run() {
    RETURN_IF_ERROR(AddFiles());
    std::vector<std::string> columns;  // in the order in which they first appear
    for (const Json& record : records_) {
      for (const auto& [name, value] : record.items()) {
        if (name == kFileName) continue;
        if (std::find(columns.begin(), columns.end(), name) == columns.end()) {
          columns.push_back(name);
        }
      }
    }
    for (const std::string& name : columns) AddColumn(name);
    return std::move(plan_);
  }

 private:
  Status AddFiles() {
    const auto folder = std::filesystem::path(path_).parent_path();
    ImportColumn column;
    bool all_pictures = !records_.empty();
    for (size_t i = 0; i < records_.size(); ++i) {
      const auto name = records_[i].find(kFileName);
      if (name == records_[i].end() || !name->is_string()) {
        return Fail(ErrorKind::kInvalidArgument,
                    Cat(path_, ": record ", i + 1, " has no file_name"));
      }
      const auto text = name->get<std::string>();
      const std::string file = (folder / text).string();
      ASSIGN_OR_RETURN(const FileIdentity identity, IdentityOf(file));
      std::error_code error;
      if (!std::filesystem::is_regular_file(file, error)) {
        return Fail(ErrorKind::kInvalidArgument,
                    Cat(path_, ": record ", i + 1, ": ", EscapeName(file), " is no regular file"));
      }
      column.payloads.push_back({static_cast<uint32_t>(i), 0, identity.size_bytes});
      plan_.files.push_back(file);
      plan_.names.push_back(text);
      plan_.attributes.push_back({.mode = 0644,
                                  .mtime_s = identity.mtime_s,
                                  .mtime_ns = static_cast<uint32_t>(identity.mtime_ns)});
      all_pictures = all_pictures && (IsNamedJpeg(text) || text.ends_with(".png"));
    }
    column.field.type = all_pictures ? FieldType::kRgbImage : FieldType::kBytes;
    column.field.name = all_pictures ? "image" : "data";
    plan_.columns.push_back(std::move(column));
    return {};
  }

  void AddColumn(const std::string& name) {
    ImportColumn column;
    column.field.name = name;
    if (AllOf(records_, name, IsInteger)) {
      column.field.type = FieldType::kInt;
      for (const Json& record : records_) column.integers.push_back(record[name].get<int64_t>());
    } else if (AllOf(records_, name, IsNumber)) {
      column.field.type = FieldType::kFloat;
      for (const Json& record : records_) column.reals.push_back(record[name].get<double>());
    } else if (name == kLabel && AllOf(records_, name, IsText)) {
      column.field.type = FieldType::kInt;
      AddClasses(column);
    } else {
      column.field.type = FieldType::kJson;
      for (const Json& record : records_) AddJson(record, name, column);
    }
    plan_.columns.push_back(std::move(column));
  }

  void AddClasses(ImportColumn& column) {
    std::vector<std::string>& classes = plan_.classes;
    for (const Json& record : records_) classes.push_back(record[kLabel].get<std::string>());
    std::sort(classes.begin(), classes.end());
    classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
    for (const Json& record : records_) {
      const auto found =
          std::lower_bound(classes.begin(), classes.end(), record[kLabel].get<std::string>());
      column.integers.push_back(found - classes.begin());
    }
  }

  // As Python's json.dumps writes it: ASCII alone.  A missing value is null.
  void AddJson(const Json& record, const std::string& name, ImportColumn& column) {
    const auto value = record.find(name);
    const Json& json = value == record.end() ? Json() : *value;
    const std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
    column.payloads.push_back({kInText, plan_.text.size(), text.size()});
    plan_.text += text;
  }

  const std::string& path_;
  const std::vector<Json> records_;
  ImportPlan plan_;
};

}  // namespace

Result<ImportPlan> PlanManifest(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Fail(ErrorKind::kNotFound, path + ": cannot be opened");
  SkipByteOrderMark(in);
  const bool is_csv = path.ends_with(".csv");
  ASSIGN_OR_RETURN(std::vector<Json> records, is_csv ? ReadCsv(in, path) : ReadJsonLines(in, path));
  return ManifestPlanner(path, std::move(records)).Run();
}

}  // namespace betonfs
