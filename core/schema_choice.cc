#include "core/schema_choice.h"

#include <strings.h>

#include <cassert>

namespace betonfs {
namespace {

constexpr size_t kNumNamedExceptions = 5;

const char* Describe(FileKind kind) {
  switch (kind) {
    case FileKind::kJpeg:
      return "JPEG";
    case FileKind::kCmykJpeg:
      return "CMYK JPEG, which FFCV cannot decode";
    case FileKind::kPng:
      return "PNG";
    case FileKind::kOther:
      break;
  }
  return "no JPEG";
}

bool EndsWithIgnoringCase(std::string_view name, std::string_view suffix) {
  return name.size() >= suffix.size() &&
         strncasecmp(name.data() + name.size() - suffix.size(), suffix.data(), suffix.size()) == 0;
}

std::string Count(uint64_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace

void FileFacts::Add(FileKind kind, std::string_view path) {
  ++num_files_;
  if (kind == FileKind::kJpeg) {
    ++num_jpegs_;
    return;
  }
  if (kind == FileKind::kPng) ++num_pngs_;
  size_t num_known = 0;
  for (const Exception& known : exceptions_) num_known += known.kind == kind ? 1 : 0;
  if (num_known < kNumNamedExceptions) exceptions_.push_back({std::string(path), kind});
}

std::string FileFacts::NameExceptions(bool pngs_count) const {
  const uint64_t num_exceptions = pngs_count ? num_others() : num_files_ - num_jpegs_;
  std::string text = Count(num_exceptions, "file");
  text += num_exceptions == 1 ? " is not:" : " are not:";
  uint64_t num_named = 0;
  for (const Exception& exception : exceptions_) {
    if (pngs_count && exception.kind == FileKind::kPng) continue;
    if (num_named == kNumNamedExceptions) break;
    text += num_named++ == 0 ? " '" : ", '";
    text += exception.path + "' (" + Describe(exception.kind) + ")";
  }
  if (num_named < num_exceptions) {
    text += " and " + std::to_string(num_exceptions - num_named) + " more";
  }
  return text;
}

bool IsLeftOut(FileKind kind, PackAs as, bool skip_non_jpeg) {
  if (!skip_non_jpeg || kind == FileKind::kJpeg) return false;
  return !(as == PackAs::kImage && kind == FileKind::kPng);
}

Result<SchemaKind> ChooseSchema(PackAs as, bool skip_non_jpeg, const FileFacts& facts) {
  if (as == PackAs::kBytes) {
    if (!skip_non_jpeg) return SchemaKind::kBytes;
    return Fail(ErrorKind::kInvalidArgument,
                "--as bytes keeps every file, so there is nothing for --skip-non-jpeg to skip");
  }
  if (skip_non_jpeg) return SchemaKind::kImage;
  if (as == PackAs::kImage) {
    if (facts.num_others() == 0) return SchemaKind::kImage;
    return Fail(ErrorKind::kInvalidArgument,
                "--as image stores JPEG and PNG files, but of " + Count(facts.num_files(), "file") +
                    " " + facts.NameExceptions(true) +
                    "; choose --skip-non-jpeg to leave them out or --as bytes to keep every file");
  }
  if (facts.num_files() == 0) return SchemaKind::kBytes;
  if (facts.num_jpegs() == facts.num_files()) return SchemaKind::kImage;
  if (2 * facts.num_jpegs() < facts.num_files()) return SchemaKind::kBytes;
  return Fail(ErrorKind::kInvalidArgument,
              std::to_string(facts.num_jpegs()) + " of " + Count(facts.num_files(), "file") +
                  " are JPEGs that FFCV decodes, but " + facts.NameExceptions(false) +
                  "; choose --as bytes to keep every file or --skip-non-jpeg to leave them out");
}

NameGuess GuessByNames(uint64_t num_files, uint64_t num_named_jpeg) {
  if (num_files > 0 && num_named_jpeg == num_files) return NameGuess::kImage;
  if (2 * num_named_jpeg < num_files || num_files == 0) return NameGuess::kBytes;
  return NameGuess::kUnclear;
}

bool IsNamedJpeg(std::string_view name) {
  return EndsWithIgnoringCase(name, ".jpg") || EndsWithIgnoringCase(name, ".jpeg");
}

Schema MakeFileSchema(SchemaKind kind, bool has_label) {
  std::vector<Field> fields(has_label ? 2 : 1);
  fields[0].type = kind == SchemaKind::kImage ? FieldType::kRgbImage : FieldType::kBytes;
  fields[0].name = kind == SchemaKind::kImage ? "image" : "data";
  if (has_label) {
    fields[1].type = FieldType::kInt;
    fields[1].name = "label";
  }
  auto schema = Schema::Make(std::move(fields));
  assert(schema);
  return *std::move(schema);
}

}  // namespace betonfs
