// Tar files made by hand, so that any header can be wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace betonfs::test {

class TarFile {
 public:
  // A member with a ustar header whose checksum fits.  `type` as in the header: '0' a file, '5' a
  // directory, 'L' a GNU long name, 'x' a pax header.
  TarFile& Add(std::string_view name, std::string_view contents, char type = '0');
  // "<length> <key>=<value>\n" in a pax header for the next member.
  TarFile& Pax(std::string_view key, std::string_view value);

  // Overwrites bytes of the header of the last member and makes its checksum right again.
  TarFile& Poke(uint64_t offset, std::string_view bytes);

  std::string Build() const { return bytes_ + std::string(1024, '\0'); }  // with its end mark
  const std::string& bytes() const { return bytes_; }                     // without

 private:
  std::string bytes_;
  uint64_t last_header_ = 0;
};

// Makes the checksum of the header in these 512 bytes right.
void FixTarChecksum(char* header);

}  // namespace betonfs::test
