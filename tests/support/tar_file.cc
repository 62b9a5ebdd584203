#include "tests/support/tar_file.h"

#include <cstdio>
#include <cstring>

namespace betonfs::test {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kChecksum = 148, kChecksumSize = 8;

void PutOctal(char* header, size_t offset, int width, uint64_t number) {
  char text[16];
  std::snprintf(text, sizeof text, "%0*llo", width, static_cast<unsigned long long>(number));
  std::memcpy(header + offset, text, static_cast<size_t>(width));
}

}  // namespace

void FixTarChecksum(char* header) {
  std::memset(header + kChecksum, ' ', kChecksumSize);
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(header[i]);
  PutOctal(header, kChecksum, 6, sum);
  header[kChecksum + 6] = '\0';
}

TarFile& TarFile::Add(std::string_view name, std::string_view contents, char type) {
  last_header_ = bytes_.size();
  std::string header(kBlock, '\0');
  name.copy(header.data(), 100);
  PutOctal(header.data(), 100, 7, 0640);
  PutOctal(header.data(), 124, 11, contents.size());
  PutOctal(header.data(), 136, 11, 1234567890);
  header[156] = type;
  std::memcpy(header.data() + 257, "ustar\00000", 8);
  FixTarChecksum(header.data());
  bytes_ += header;
  bytes_ += contents;
  bytes_.resize((bytes_.size() + kBlock - 1) / kBlock * kBlock);
  return *this;
}

TarFile& TarFile::Pax(std::string_view key, std::string_view value) {
  const size_t rest = key.size() + value.size() + 3;  // blank, '=' and line end
  size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) ++length;
  return Add("pax",
             std::to_string(length) + " " + std::string(key) + "=" + std::string(value) + "\n",
             'x');
}

TarFile& TarFile::Poke(uint64_t offset, std::string_view bytes) {
  bytes_.replace(last_header_ + offset, bytes.size(), bytes);
  FixTarChecksum(bytes_.data() + last_header_);
  return *this;
}

}  // namespace betonfs::test
