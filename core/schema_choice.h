// Which fields a folder of files becomes: images kept as they are, or bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/schema.h"

namespace betonfs {

// What one file is, told from its contents and never from its name.
enum class FileKind : uint8_t {
  kOther,
  kJpeg,      // one or three components: FFCV decodes it
  kCmykJpeg,  // a JPEG on which FFCV fails without a word
  kPng,       // can be stored as raw RGB when asked for
};

enum class PackAs {
  kAuto,   // images if every file is a JPEG, bytes if most are not, an error in between
  kImage,  // JPEGs keep their bytes, PNGs become raw RGB, anything else is an error
  kBytes,  // every file as it is
};

enum class SchemaKind {
  kImage,  // `image` RGBImage
  kBytes,  // `data` Bytes
};

// Counts the files to choose for.  One thread at a time.
class FileFacts {
 public:
  // `path` is kept for the first few that are not FFCV's JPEGs.
  void Add(FileKind kind, std::string_view path);

  uint64_t num_files() const { return num_files_; }
  uint64_t num_jpegs() const { return num_jpegs_; }
  uint64_t num_pngs() const { return num_pngs_; }
  uint64_t num_others() const { return num_files_ - num_jpegs_ - num_pngs_; }

  // "3 files are not: 'a.txt' (not a JPEG), 'b.jpg' (CMYK JPEG), ...": those that are neither
  // JPEGs nor, where `pngs_count` says so, PNGs.
  std::string NameExceptions(bool pngs_count) const;

 private:
  struct Exception {
    std::string path;
    FileKind kind;
  };
  uint64_t num_files_ = 0;
  uint64_t num_jpegs_ = 0;
  uint64_t num_pngs_ = 0;
  std::vector<Exception> exceptions_;  // the first of each kind
};

// The files that are left out when images are stored and `skip_non_jpeg` is set: all that the
// chosen way cannot store.
bool IsLeftOut(FileKind kind, PackAs as, bool skip_non_jpeg);

// `skip_non_jpeg` asks for images and leaves the rest out.  No files at all are bytes.
// Errors: kInvalidArgument  mostly JPEGs but not all (the count, the first names and the options
//                           that decide are in the message); kImage and a file that is no image;
//                           kBytes together with skip_non_jpeg
Result<SchemaKind> ChooseSchema(PackAs as, bool skip_non_jpeg, const FileFacts& facts);

// What the names alone suggest, to be confirmed by the contents while they are packed: reading
// every file's first bytes beforehand would double the number of opens.
enum class NameGuess { kImage, kBytes, kUnclear };
NameGuess GuessByNames(uint64_t num_files, uint64_t num_named_jpeg);
bool IsNamedJpeg(std::string_view name);  // .jpg or .jpeg in any case

// `image` or `data`, and `label` if there are labels.
Schema MakeFileSchema(SchemaKind kind, bool has_label);

}  // namespace betonfs
