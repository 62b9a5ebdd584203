#include "core/jpeg_decode.h"

#include <jpeglib.h>

#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE
#include <vector>

namespace betonfs {

// libjpeg reports errors by calling back, and the callback must not return.
struct JpegDecoder::Decompressor {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jmp_buf on_error;
  char message[JMSG_LENGTH_MAX];
  std::vector<JSAMPLE> line;
};

namespace {

constexpr uint64_t kMaxPixels = uint64_t{1} << 28;

}  // namespace

JpegDecoder::JpegDecoder() : decompressor_(new Decompressor()) {
  Decompressor& d = *decompressor_;
  d.info.err = jpeg_std_error(&d.errors);
  d.info.client_data = &d;
  d.errors.error_exit = [](j_common_ptr info) {
    auto* self = static_cast<Decompressor*>(info->client_data);
    info->err->format_message(info, self->message);
    longjmp(self->on_error, 1);
  };
  d.errors.emit_message = [](j_common_ptr info, int level) {
    if (level >= 0) return;  // not a warning
    auto* self = static_cast<Decompressor*>(info->client_data);
    if (info->err->num_warnings++ == 0) info->err->format_message(info, self->message);
  };
  d.errors.output_message = [](j_common_ptr) {};
  jpeg_create_decompress(&d.info);
}

JpegDecoder::~JpegDecoder() { jpeg_destroy_decompress(&decompressor_->info); }

JpegDecodeResult JpegDecoder::Decode(Bytes jpeg) {
  using State = JpegDecodeResult::State;
  Decompressor& d = *decompressor_;
  d.message[0] = '\0';
  d.errors.num_warnings = 0;
  if (jpeg.empty()) return {State::kFailed, "Empty input"};
  // Nothing with a destructor is made between here and a longjmp.
  if (setjmp(d.on_error) != 0) {
    jpeg_abort_decompress(&d.info);
    return {State::kFailed, d.message};
  }
  jpeg_mem_src(&d.info, reinterpret_cast<const unsigned char*>(jpeg.data()),
               static_cast<unsigned long>(jpeg.size()));
  jpeg_read_header(&d.info, TRUE);
  if (uint64_t{d.info.image_width} * d.info.image_height > kMaxPixels) {
    jpeg_abort_decompress(&d.info);
    return {State::kTooLarge, "more than 2^28 pixels"};
  }
  d.info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&d.info);
  d.line.resize(size_t{d.info.output_width} * static_cast<size_t>(d.info.output_components));
  JSAMPROW row = d.line.data();
  while (d.info.output_scanline < d.info.output_height) jpeg_read_scanlines(&d.info, &row, 1);
  jpeg_finish_decompress(&d.info);
  return {d.errors.num_warnings > 0 ? State::kDamaged : State::kWhole, d.message};
}

}  // namespace betonfs
