#include "core/tar_index.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>

#include "core/bytes.h"
#include "core/file.h"
#include "core/text.h"

namespace betonfs {
namespace {

constexpr uint64_t kBlock = 512;
constexpr uint64_t kMaxExtensionBytes = 1u << 20;  // of a long name or a pax header

// The header block as POSIX lays it out.
struct Header {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char mtime[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[6];
  char version[2];
  char owner[32];
  char group[32];
  char major[8];
  char minor[8];
  char prefix[155];
  char zero[12];
};
static_assert(sizeof(Header) == kBlock);

template <size_t N>
std::string_view Text(const char (&field)[N]) {
  const std::string_view text(field, N);
  return text.substr(0, text.find('\0'));
}

// Octal, or GNU's binary form with the first bit set.
template <size_t N>
std::optional<uint64_t> Number(const char (&field)[N]) {
  uint64_t number = 0;
  if ((static_cast<unsigned char>(field[0]) & 0x80) != 0) {
    for (size_t i = 1; i < N; ++i) {
      if (number >> 55 != 0) return std::nullopt;
      number = number << 8 | static_cast<unsigned char>(field[i]);
    }
    return number;
  }
  size_t i = 0;
  while (i < N && field[i] == ' ') ++i;
  for (; i < N && field[i] != ' ' && field[i] != '\0'; ++i) {
    if (field[i] < '0' || field[i] > '7' || number >> 60 != 0) return std::nullopt;
    number = number << 3 | static_cast<uint64_t>(field[i] - '0');
  }
  return number;
}

bool ChecksumFits(const Header& header) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const bool in_checksum = i >= offsetof(Header, checksum) && i < offsetof(Header, type);
    sum += in_checksum ? ' ' : bytes[i];
  }
  return Number(header.checksum) == sum;
}

// What extension headers say about the next member.
struct Overrides {
  std::string name;
  std::optional<uint64_t> size;
  std::optional<int64_t> mtime_s;
};

// Records "<length> <key>=<value>\n".
bool ParsePax(std::string_view text, Overrides& overrides) {
  while (!text.empty()) {
    size_t length = 0;
    const auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    const auto digits = static_cast<size_t>(after - text.data());
    if (error != std::errc() || length > text.size() || length < digits + 3) return false;
    const std::string_view record = text.substr(digits + 1, length - digits - 2);
    const size_t equals = record.find('=');
    if (equals == record.npos) return false;
    const std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
    const char* end = value.data() + value.size();
    if (key == "path") overrides.name = value;
    if (key == "size") {
      uint64_t size = 0;
      if (std::from_chars(value.data(), end, size).ec != std::errc()) return false;
      overrides.size = size;
    }
    if (key == "mtime") {
      int64_t seconds = 0;
      if (std::from_chars(value.data(), end, seconds).ec != std::errc()) return false;
      overrides.mtime_s = seconds;
    }
    text.remove_prefix(length);
  }
  return true;
}

class TarLister {
 public:
  TarLister(int fd, const std::string& path, uint64_t file_size)
      : fd_(fd), path_(path), file_size_(file_size) {}

  Result<std::vector<TarMember>> Run() {
    while (file_size_ - at_ >= kBlock) {
      Header header;
      RETURN_IF_ERROR(
          ReadAt(fd_, std::as_writable_bytes(std::span<Header, 1>(&header, 1)), at_, path_));
      const bool is_end_mark = header.name[0] == '\0' && Number(header.checksum) == uint64_t{0};
      if (is_end_mark) return std::move(members_);
      RETURN_IF_ERROR(Take(header));
    }
    return Fail(ErrorKind::kTruncated, Cat(path_, ": ends at ", file_size_,
                                           " without the block of zeros that ends a tar"));
  }

 private:
  Status Take(const Header& header) {
    const auto size = Number(header.size);
    if (!ChecksumFits(header) || !size) {
      return Fail(at_ == 0 ? ErrorKind::kUnsupported : ErrorKind::kCorrupt,
                  Cat(path_, ": no tar header at ", at_,
                      at_ == 0 ? " (a compressed tar has to be unpacked first)" : ""));
    }
    const bool is_extension =
        header.type == 'L' || header.type == 'x' || header.type == 'g' || header.type == 'K';
    const uint64_t contents = is_extension ? *size : next_.size.value_or(*size);
    const uint64_t start = at_ + kBlock;
    if (contents > file_size_ - start) {
      return Fail(ErrorKind::kTruncated, Cat(path_, ": the member at ", at_, " promises ", contents,
                                             " bytes, but the file ends at ", file_size_));
    }
    if (is_extension) {
      RETURN_IF_ERROR(TakeExtension(header.type, start, contents));
    } else {
      if (header.type == '0' || header.type == '\0') AddMember(header, start, contents);
      next_ = {};
    }
    at_ = std::min(AlignUp(start + contents, kBlock), file_size_);
    return {};
  }

  Status TakeExtension(char type, uint64_t start, uint64_t size) {
    if (type == 'g' || type == 'K') return {};  // defaults and link names do not concern us
    std::string text(std::min(size, kMaxExtensionBytes), '\0');
    RETURN_IF_ERROR(ReadAt(fd_, std::as_writable_bytes(std::span(text)), start, path_));
    if (type == 'L') next_.name = text.substr(0, text.find('\0'));
    if (type == 'x' && !ParsePax(text, next_)) {
      return Fail(ErrorKind::kCorrupt, Cat(path_, ": bad pax header at ", at_));
    }
    return {};
  }

  void AddMember(const Header& header, uint64_t start, uint64_t size) {
    TarMember member;
    member.offset = start;
    member.size_bytes = size;
    member.name = next_.name;
    if (member.name.empty()) {
      const bool has_prefix = Text(header.magic) == "ustar" && header.prefix[0] != '\0';
      if (has_prefix) member.name.append(Text(header.prefix)).append("/");
      member.name += Text(header.name);
    }
    if (member.name.starts_with("./")) member.name.erase(0, 2);
    member.mtime_s = next_.mtime_s.value_or(static_cast<int64_t>(Number(header.mtime).value_or(0)));
    member.mode = static_cast<uint16_t>(Number(header.mode).value_or(0644) & 07777);
    members_.push_back(std::move(member));
  }

  const int fd_;
  const std::string& path_;
  const uint64_t file_size_;
  uint64_t at_ = 0;
  Overrides next_;
  std::vector<TarMember> members_;
};

}  // namespace

Result<std::vector<TarMember>> ListTar(int fd, const std::string& path) {
  ASSIGN_OR_RETURN(const FileIdentity identity, IdentityOf(fd, path));
  return TarLister(fd, path, identity.size_bytes).Run();
}

}  // namespace betonfs
