#include "core/jpeg_header.h"

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>

// jpeglib.h needs stdio.h before it.
#include <jpeglib.h>

namespace betonfs {

struct JpegHeaderParser::Decompressor {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  std::jmp_buf on_error{};
  bool created = false;
};

namespace {

// libjpeg ends an operation by not returning from here.  The only longjmp of the project: between
// it and the setjmp in Parse() lie frames of libjpeg alone.
[[noreturn]] void JumpOut(j_common_ptr info) {
  std::longjmp(*static_cast<std::jmp_buf*>(info->client_data), 1);
}

void Ignore(j_common_ptr) {}
void IgnoreMessage(j_common_ptr, int) {}
void IgnoreSource(j_decompress_ptr) {}

// At the end of the bytes: suspend, which jpeg_read_header reports.
boolean Suspend(j_decompress_ptr) { return FALSE; }

void Skip(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  const size_t skipped = std::min(static_cast<size_t>(count), info->src->bytes_in_buffer);
  info->src->next_input_byte += skipped;
  info->src->bytes_in_buffer -= skipped;
  // A skip past the end leaves nothing, so the next read suspends; Parse() starts over with more.
}

}  // namespace

JpegHeaderParser::JpegHeaderParser() : decompressor_(std::make_unique<Decompressor>()) {
  Decompressor& d = *decompressor_;
  d.info.err = jpeg_std_error(&d.errors);
  d.errors.error_exit = JumpOut;
  d.errors.output_message = Ignore;
  d.errors.emit_message = IgnoreMessage;
  d.source.init_source = IgnoreSource;
  d.source.fill_input_buffer = Suspend;
  d.source.skip_input_data = Skip;
  d.source.resync_to_restart = jpeg_resync_to_restart;
  d.source.term_source = IgnoreSource;
}

JpegHeaderParser::~JpegHeaderParser() {
  if (decompressor_->created) jpeg_destroy_decompress(&decompressor_->info);
}

JpegHeader JpegHeaderParser::Parse(Bytes prefix) {
  if (!LooksLikeJpeg(prefix)) return {};
  Decompressor& d = *decompressor_;
  d.info.client_data = &d.on_error;
  if (setjmp(d.on_error) != 0) {
    if (d.created) jpeg_abort_decompress(&d.info);
    return {};
  }
  if (!d.created) {
    jpeg_create_decompress(&d.info);
    d.created = true;
  }
  d.source.next_input_byte = reinterpret_cast<const JOCTET*>(prefix.data());
  d.source.bytes_in_buffer = prefix.size();
  d.info.src = &d.source;
  JpegHeader header;
  const int outcome = jpeg_read_header(&d.info, TRUE);
  if (outcome == JPEG_HEADER_OK) {
    header.state = JpegHeader::State::kJpeg;
    header.width = static_cast<uint16_t>(d.info.image_width);  // libjpeg's limit is 65,500
    header.height = static_cast<uint16_t>(d.info.image_height);
    header.num_components = static_cast<uint8_t>(d.info.num_components);
  } else if (outcome == JPEG_SUSPENDED) {
    header.state = JpegHeader::State::kNeedsMore;
  }
  jpeg_abort_decompress(&d.info);
  return header;
}

}  // namespace betonfs
