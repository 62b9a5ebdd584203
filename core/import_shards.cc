#include <fcntl.h>

#include <algorithm>
#include <charconv>

#include "core/escape_name.h"
#include "core/file.h"
#include "core/import_plan.h"
#include "core/tar_index.h"
#include "core/text.h"

namespace betonfs {
namespace {

constexpr uint64_t kMaxLabelBytes = 32;

// "a/b.c/000123.Seg.png" -> key "a/b.c/000123", extension "seg.png".  WebDataset lowers it too.
struct Split {
  std::string_view key;
  std::string extension;
};

Split SplitName(std::string_view name) {
  const size_t slash = name.rfind('/');
  const size_t base = slash == name.npos ? 0 : slash + 1;
  const size_t dot = name.find('.', base);
  if (dot == name.npos) return {name, ""};
  std::string extension(name.substr(dot + 1));
  for (char& c : extension) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return {name.substr(0, dot), std::move(extension)};
}

// "seg.jpg" is an image called "seg", "jpg" one called "image", and so on.  Only a lone "png" is an
// image: one with a name of its own is often a mask, whose numbers RGB would not keep.
Field FieldOf(const std::string& extension) {
  const size_t dot = extension.rfind('.');
  const std::string kind = dot == extension.npos ? extension : extension.substr(dot + 1);
  const auto named = [&](FieldType type, const char* name) {
    Field field;
    field.type = type;
    field.name = dot == extension.npos ? name : extension.substr(0, dot);
    return field;
  };
  if (kind == "jpg" || kind == "jpeg" || extension == "png") {
    return named(FieldType::kRgbImage, "image");
  }
  if (kind == "cls") return named(FieldType::kInt, "label");
  if (kind == "json") return named(FieldType::kJson, "json");
  Field field;
  field.type = FieldType::kBytes;
  field.name = extension;
  return field;
}

class ShardPlanner {
 public:
  Result<ImportPlan> Run(const std::vector<std::string>& shards) {
    for (const std::string& shard : shards) {
      ASSIGN_OR_RETURN(fd_, OpenFile(shard, O_RDONLY));
      ASSIGN_OR_RETURN(const std::vector<TarMember> members, ListTar(fd_.get(), shard));
      plan_.files.push_back(shard);
      for (size_t first = 0, end = 0; first < members.size(); first = end) {
        const std::string_view key = SplitName(members[first].name).key;
        while (end < members.size() && SplitName(members[end].name).key == key) ++end;
        RETURN_IF_ERROR(AddSample(std::span(members).subspan(first, end - first)));
      }
    }
    return std::move(plan_);
  }

 private:
  Status AddSample(std::span<const TarMember> members) {
    if (plan_.columns.empty()) RETURN_IF_ERROR(MakeColumns(members));
    const TarMember* named = &members[0];
    for (const TarMember& member : members) {
      const Field field = FieldOf(SplitName(member.name).extension);
      const Field& first = plan_.columns[0].field;
      if (field.type == FieldType::kRgbImage && field.name == first.name) named = &member;
      RETURN_IF_ERROR(AddValue(member, field));
    }
    plan_.names.push_back(named->name);
    plan_.attributes.push_back({.mode = named->mode, .mtime_s = named->mtime_s});
    for (const ImportColumn& column : plan_.columns) {
      if (column.integers.size() + column.payloads.size() == plan_.names.size()) continue;
      return Fail(ErrorKind::kInvalidArgument,
                  Cat(Where(members[0]), ": the sample has no or two values for field '",
                      column.field.name, "', which the first sample has"));
    }
    return {};
  }

  // Images first, then labels, then the rest, each by name.
  Status MakeColumns(std::span<const TarMember> members) {
    for (const TarMember& member : members) {
      const std::string extension = SplitName(member.name).extension;
      if (extension.empty()) {
        return Fail(ErrorKind::kInvalidArgument, Cat(Where(member), ": has no extension"));
      }
      Field field = FieldOf(extension);
      if (ColumnOf(field) != plan_.columns.end()) {
        return Fail(ErrorKind::kInvalidArgument,
                    Cat(Where(member), ": is the second of its sample for field '",
                        EscapeName(field.name), "'"));
      }
      plan_.columns.emplace_back().field = std::move(field);
    }
    const auto rank = [](const ImportColumn& column) {
      if (column.field.type == FieldType::kRgbImage) return 0;
      return column.field.type == FieldType::kInt ? 1 : 2;
    };
    std::stable_sort(plan_.columns.begin(), plan_.columns.end(),
                     [&](const ImportColumn& a, const ImportColumn& b) {
                       return std::pair(rank(a), a.field.name) < std::pair(rank(b), b.field.name);
                     });
    return {};
  }

  std::vector<ImportColumn>::iterator ColumnOf(const Field& field) {
    return std::find_if(plan_.columns.begin(), plan_.columns.end(),
                        [&](const ImportColumn& c) { return c.field.name == field.name; });
  }

  Status AddValue(const TarMember& member, const Field& field) {
    const auto column = ColumnOf(field);
    if (column == plan_.columns.end() || column->field.type != field.type) {
      return Fail(ErrorKind::kInvalidArgument,
                  Cat(Where(member), ": the first sample has no ", FieldTypeName(field.type),
                      " field '", EscapeName(field.name), "'"));
    }
    if (field.type == FieldType::kInt) return AddLabel(member, *column);
    column->payloads.push_back(
        {static_cast<uint32_t>(plan_.files.size() - 1), member.offset, member.size_bytes});
    return {};
  }

  Status AddLabel(const TarMember& member, ImportColumn& column) {
    std::string text(std::min(member.size_bytes, kMaxLabelBytes), '\0');
    RETURN_IF_ERROR(ReadAt(fd_.get(), std::as_writable_bytes(std::span(text)), member.offset,
                           plan_.files.back()));
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    int64_t label = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, label);
    if (error != std::errc() || rest != end) {
      return Fail(ErrorKind::kInvalidArgument,
                  Cat(Where(member), ": '", EscapeName(text), "' is no integer label"));
    }
    column.integers.push_back(label);
    return {};
  }

  std::string Where(const TarMember& member) const {
    return Cat(plan_.files.back(), ": ", EscapeName(member.name));
  }

  ImportPlan plan_;
  UniqueFd fd_;  // of the last shard
};

}  // namespace

Result<ImportPlan> PlanShards(const std::vector<std::string>& shards) {
  return ShardPlanner().Run(shards);
}

}  // namespace betonfs
