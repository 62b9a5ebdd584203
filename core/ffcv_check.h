// `betonfs check --ffcv`: what FFCV 1.0.2 will make of a file, its silent mistakes included.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/dataset.h"
#include "core/finding.h"
#include "core/result.h"

namespace betonfs {

enum class FfcvOrder : uint8_t { kSequential, kRandom, kQuasiRandom };
const char* FfcvOrderName(FfcvOrder order);  // "SEQUENTIAL", ...

// Loader(os_cache=..., order=...): the two memory managers and three orders of FFCV.
struct FfcvMode {
  bool os_cache = false;
  FfcvOrder order = FfcvOrder::kSequential;
  bool works = true;
  std::string why_not = {};  // the first reason, one line
};

// A field and the decoder FFCV gives it by default.
struct FfcvField {
  std::string name;
  std::string decoder;  // "RGBImageDecoder", "NDArrayDecoder", ...
  bool works = true;
  std::string why_not = {};
};

struct FfcvCheckOptions {
  bool decode = false;           // decode every JPEG, as FFCV would, and not only read its header
  unsigned num_threads = 0;      // 0: one per processor
  uint64_t max_findings = 1000;  // more are counted and not kept
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(uint64_t num_samples, uint64_t size_bytes)> progress = {};
};

struct FfcvReport {
  bool loads = true;  // whether Reader() accepts the file at all
  std::string why_not = {};
  std::array<FfcvMode, 6> modes{};  // os_cache True first, orders in the order of the enum
  std::vector<FfcvField> fields;    // in the order of the schema
  std::vector<Finding> findings;    // kWarning: FFCV fails or goes wrong; kNote: it is slower
  uint64_t num_findings = 0;
  uint64_t num_images = 0;      // looked at
  uint64_t num_bad_images = 0;  // FFCV would deliver other pixels than the image's
};

// Kinds of findings, all warnings but for notes on custom fields, image sizes and memory: "load"
// (the file does not load, or only if told how), "field_name", "dtype" (an array that torch or
// numba cannot take), "image_sizes" (several: the default decoder takes one), "oversize" (a payload
// over a page), "crosses_page", "two_pages", "shared_offset", "bad_sample" (a payload that cannot
// be found), "not_jpeg", "cmyk", "dimensions", "undecodable", "damaged_jpeg", "json_nul",
// "quasi_memory".
// One pass over rows and table, 24 bytes of memory per row; reads the header of every JPEG and all
// JSON, with `decode` every JPEG.
// Error: kCancelled.
Result<FfcvReport> CheckForFfcv(const Dataset& dataset, const FfcvCheckOptions& options);

}  // namespace betonfs
