#include "core/dtype.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/text.h"

namespace betonfs {
namespace {

constexpr uint64_t kMaxItemSizeBytes = (uint64_t{1} << 31) - 1;  // numpy counts them in an int
constexpr int kMaxNesting = 16;

tl::unexpected<Error> BadDtype(std::string_view text) {
  return Fail(ErrorKind::kUnsupported, Cat("dtype ", text, " is not one numpy can store"));
}

struct LongName {
  std::string_view name;
  std::string_view code;
};
constexpr LongName kLongNames[] = {
    {"bool", "b1"},      {"?", "b1"},           {"int8", "i1"},     {"int16", "i2"},
    {"int32", "i4"},     {"int64", "i8"},       {"uint8", "u1"},    {"uint16", "u2"},
    {"uint32", "u4"},    {"uint64", "u8"},      {"float16", "f2"},  {"float32", "f4"},
    {"float64", "f8"},   {"float128", "f16"},   {"float", "f8"},    {"int", "i8"},
    {"complex64", "c8"}, {"complex128", "c16"}, {"complex", "c16"}, {"complex256", "c32"},
};

std::string_view CodeOf(std::string_view name) {
  for (const LongName& known : kLongNames) {
    if (known.name == name) return known.code;
  }
  return name;
}

bool IsSizeOfKind(char kind, uint64_t size) {
  switch (kind) {
    case 'b':
      return size == 1;
    case 'i':
    case 'u':
      return size == 1 || size == 2 || size == 4 || size == 8;
    case 'f':
      return size == 2 || size == 4 || size == 8 || size == 16;
    case 'c':
      return size == 8 || size == 16 || size == 32;
    case 'M':
    case 'm':
      return size == 8;
    case 'S':
    case 'U':
    case 'V':
      return true;
    default:
      return false;
  }
}

// The "[ns]" or "[25s]" of datetime64 and timedelta64, which may be missing.
bool IsTimeUnit(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  std::string_view unit = text.substr(1, text.size() - 2);
  while (!unit.empty() && unit.front() >= '0' && unit.front() <= '9') unit.remove_prefix(1);
  for (const char* known :
       {"Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"}) {
    if (unit == known) return true;
  }
  return unit == "generic";
}

// "<f4", "|S5", "<M8[ns]": byte order, kind, size, and the unit of times.
Result<Dtype> ParsePlain(std::string_view text) {
  std::string_view code = text;
  char order = 0;
  if (!code.empty() && std::string_view("<>|=").find(code.front()) != std::string_view::npos) {
    order = code.front();
    code.remove_prefix(1);
  }
  code = CodeOf(code);
  if (code.empty()) return BadDtype(text);
  const char kind = code.front() == 'a' ? 'S' : code.front();
  uint64_t size = 0;
  const char* end = code.data() + code.size();
  const auto [rest, error] = std::from_chars(code.data() + 1, end, size);
  if (error != std::errc() || !IsSizeOfKind(kind, size)) return BadDtype(text);
  const std::string_view unit(rest, static_cast<size_t>(end - rest));
  const bool is_time = kind == 'M' || kind == 'm';
  if (is_time ? !IsTimeUnit(unit) : !unit.empty()) return BadDtype(text);

  const uint64_t scale = kind == 'U' ? 4 : 1;  // numpy counts characters of UCS-4
  if (size > kMaxItemSizeBytes / scale) return BadDtype(text);
  const bool has_order = kind != 'S' && kind != 'V' && (size > 1 || kind == 'U');
  Dtype dtype;
  dtype.item_size_bytes = size * scale;
  dtype.plain = Cat(std::string(1, !has_order     ? '|'
                                   : order == '>' ? '>'
                                                  : '<'),
                    std::string(1, kind), size, unit);
  dtype.npy_descr = Cat("'", dtype.plain, "'");
  return dtype;
}

// Python's spelling of a string, in ASCII, so that .npy v1 (latin-1) can hold any name.
std::string PythonString(const std::string& utf8) {
  std::string out = "'";
  for (size_t i = 0; i < utf8.size();) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t point = length == 1 ? lead : lead & (0x7fu >> length);
    for (size_t k = 1; k < length && i + k < utf8.size(); ++k) {
      point = point << 6 | (static_cast<unsigned char>(utf8[i + k]) & 0x3f);
    }
    i += length;
    if (point == '\'' || point == '\\') {
      out += {'\\', static_cast<char>(point)};
    } else if (point >= 0x20 && point < 0x7f) {
      out += static_cast<char>(point);
    } else {
      out += "\\U" + Hex(point).substr(8);
    }
  }
  return out + "'";
}

std::string PythonTuple(const std::vector<uint64_t>& numbers) {
  std::string out = "(";
  for (size_t i = 0; i < numbers.size(); ++i) out += Cat(i ? ", " : "", numbers[i]);
  return out + (numbers.size() == 1 ? ",)" : ")");
}

// A name is a string, or a pair of title and name.
std::optional<std::string> FieldName(const nlohmann::json& name) {
  if (name.is_string()) return PythonString(name.get_ref<const std::string&>());
  if (!name.is_array() || name.size() != 2 || !name[0].is_string() || !name[1].is_string()) {
    return std::nullopt;
  }
  return Cat("(", PythonString(name[0].get_ref<const std::string&>()), ", ",
             PythonString(name[1].get_ref<const std::string&>()), ")");
}

Result<std::vector<uint64_t>> SubShape(const nlohmann::json& shape) {
  std::vector<uint64_t> out;
  if (shape.is_number_unsigned()) return std::vector<uint64_t>{shape.get<uint64_t>()};
  if (!shape.is_array() || shape.size() > 32) return BadDtype(shape.dump());
  for (const nlohmann::json& dimension : shape) {
    if (!dimension.is_number_unsigned()) return BadDtype(shape.dump());
    out.push_back(dimension.get<uint64_t>());
  }
  return out;
}

Result<Dtype> ParseStructured(const nlohmann::json& descr, int nesting);

// ["x", "<f4"], ["x", "<f4", [3]] or ["x", [[...], ...]].
Result<Dtype> ParseField(const nlohmann::json& field, int nesting) {
  if (!field.is_array() || field.size() < 2 || field.size() > 3) return BadDtype("descr");
  const auto name = FieldName(field[0]);
  if (!name) return BadDtype("descr");
  ASSIGN_OR_RETURN(Dtype inner, field[1].is_string()
                                    ? ParsePlain(field[1].get_ref<const std::string&>())
                                    : ParseStructured(field[1], nesting + 1));
  Dtype out;
  out.item_size_bytes = inner.item_size_bytes;
  out.npy_descr = Cat("(", *name, ", ", inner.npy_descr);
  if (field.size() == 3) {
    ASSIGN_OR_RETURN(const std::vector<uint64_t> shape, SubShape(field[2]));
    for (const uint64_t dimension : shape) {
      if (__builtin_mul_overflow(out.item_size_bytes, dimension, &out.item_size_bytes) ||
          out.item_size_bytes > kMaxItemSizeBytes) {
        return BadDtype(inner.npy_descr);
      }
    }
    out.npy_descr += ", " + PythonTuple(shape);
  }
  out.npy_descr += ")";
  return out;
}

Result<Dtype> ParseStructured(const nlohmann::json& descr, int nesting) {
  if (!descr.is_array() || descr.empty() || nesting > kMaxNesting) return BadDtype("descr");
  Dtype out;
  for (const nlohmann::json& field : descr) {
    ASSIGN_OR_RETURN(const Dtype part, ParseField(field, nesting));
    out.item_size_bytes += part.item_size_bytes;
    if (out.item_size_bytes > kMaxItemSizeBytes) return BadDtype(part.npy_descr);
    out.npy_descr += Cat(out.npy_descr.empty() ? "[" : ", ", part.npy_descr);
  }
  out.npy_descr += "]";
  return out;
}

// numpy writes a dtype without fields as one nameless field.
bool IsPlain(const nlohmann::json& descr) {
  return descr.size() == 1 && descr[0].is_array() && descr[0].size() == 2 &&
         descr[0][0].is_string() && descr[0][0].get_ref<const std::string&>().empty() &&
         descr[0][1].is_string();
}

}  // namespace

Result<Dtype> ParseDtype(std::string_view text) {
  const nlohmann::json descr = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!descr.is_array()) return BadDtype("that is not a JSON list of fields");
  if (IsPlain(descr)) return ParsePlain(descr[0][1].get_ref<const std::string&>());
  return ParseStructured(descr, 0);
}

std::string NpyHeader(const Dtype& dtype, const std::vector<uint64_t>& shape) {
  constexpr size_t kAlignment = 64;
  constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
  std::string text = Cat("{'descr': ", dtype.npy_descr,
                         ", 'fortran_order': False, 'shape': ", PythonTuple(shape), ", }");
  const size_t unpadded = kMagic.size() + 2 + text.size() + 1;
  text.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  text += '\n';
  std::string header(kMagic);
  header += static_cast<char>(text.size() & 0xff);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

}  // namespace betonfs
