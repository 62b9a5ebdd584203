#include "core/staging_file.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "core/block_checks.h"

namespace betonfs {
namespace {

constexpr uint64_t kMaxMemoryFileSizeBytes = 1u << 20;
constexpr uint8_t kMaxSealsInPages = 2;  // a file changed after that spills
constexpr uint64_t kMaxStreamGapBytes = 64u << 20;
constexpr uint64_t kWritebackStepBytes = 8u << 20;

}  // namespace

StagingFile::StagingFile(StagingStore& store, const Content& sealed, uint8_t times_sealed)
    : store_(store), sealed_(sealed), times_sealed_(times_sealed), size_(sealed.size) {}

StagingFile::~StagingFile() {
  ResizeBuffer(0);
  if (state_ == State::kStream) DropStream();
  if (state_ == State::kSpill && sealed_.where != Where::kSpill) {
    (void)store_.io().Remove(store_.SpillPath(spill_number_));
  }
}

void StagingFile::ResizeBuffer(uint64_t size_bytes) {
  store_.buffered_bytes() += size_bytes;
  store_.buffered_bytes() -= buffer_.size();
  if (size_bytes == 0) {
    buffer_ = {};
  } else {
    buffer_.resize(size_bytes);
  }
}

bool StagingFile::FitsMemory(uint64_t size_bytes) const {
  return size_bytes <= kMaxMemoryFileSizeBytes && times_sealed_ < kMaxSealsInPages &&
         store_.buffered_bytes() + size_bytes <= StagingStore::kMaxBufferedBytes + buffer_.size();
}

// ---- Reading ------------------------------------------------------------------------------------

Result<Bytes> StagingFile::Read(uint64_t offset, uint64_t size,
                                std::vector<std::byte>& buffer) const {
  if (offset >= size_) return Bytes();
  size = std::min(size, size_ - offset);
  if (state_ == State::kMemory) return Bytes(buffer_).subspan(offset, size);
  Content at = sealed_;
  if (state_ == State::kStream) at = {Where::kPages, reservation_.offset, size_, 0};
  if (state_ == State::kAtRest || state_ == State::kStream) {
    if (const auto view = store_.View(at)) return view->subspan(offset, size);
  }
  buffer.resize(size);
  if (state_ == State::kSpill) {
    RETURN_IF_ERROR(ReadAt(spill_.get(), buffer, offset, store_.SpillPath(spill_number_)));
  } else {
    RETURN_IF_ERROR(store_.Read(at, offset, buffer));
  }
  return Bytes(buffer);
}

// ---- From state to state ------------------------------------------------------------------------

Status StagingFile::Load(uint64_t keep_bytes) {
  if (sealed_.where == Where::kSpill) {
    ASSIGN_OR_RETURN(spill_, store_.OpenSpill(sealed_.offset, O_RDWR));
    spill_number_ = sealed_.offset;
    state_ = State::kSpill;
    return {};
  }
  if (!FitsMemory(keep_bytes)) return ToSpill(keep_bytes);
  ResizeBuffer(keep_bytes);
  if (Status read = store_.Read(sealed_, 0, buffer_); !read) {
    ResizeBuffer(0);
    return read;
  }
  state_ = State::kMemory;
  return {};
}

Status StagingFile::ToSpill(uint64_t keep_bytes) {
  const uint64_t number = store_.NewSpillNumber();
  const std::string path = store_.SpillPath(number);
  ASSIGN_OR_RETURN(UniqueFd fd, store_.OpenSpill(number, O_RDWR | O_CREAT | O_TRUNC));
  Status filled;
  if (state_ == State::kMemory) {
    filled = store_.io().Write(fd.get(), buffer_, 0, path);
  } else if (keep_bytes > 0) {
    Content from = sealed_;
    if (state_ == State::kStream) from = {Where::kPages, reservation_.offset, size_, 0};
    auto copied = store_.CopyTo(from, keep_bytes, fd.get(), 0, path);
    if (!copied) filled = tl::unexpected(copied.error());
  }
  if (filled) filled = store_.io().Truncate(fd.get(), keep_bytes, path);
  if (!filled) {
    (void)store_.io().Remove(path);
    return filled;
  }
  if (state_ == State::kStream) DropStream();
  ResizeBuffer(0);
  spill_ = std::move(fd);
  spill_number_ = number;
  state_ = State::kSpill;
  return {};
}

Status StagingFile::ToStream(uint64_t min_size_bytes) {
  const Extent reservation = store_.pages().pages().Reserve(min_size_bytes);
  Status written =
      store_.io().Write(store_.pages().fd(), buffer_, reservation.offset, store_.pages().path());
  reservation_ = reservation;
  if (!written) {
    DropStream();
    return written;
  }
  hasher_ = std::make_unique<Xxh3Stream>();
  hasher_->Update(buffer_);
  writeback_from_ = 0;
  ResizeBuffer(0);
  state_ = State::kStream;
  return {};
}

// What was written is zeroed, so that the range can be handed out again.
void StagingFile::DropStream() {
  if (store_.io().Zero(store_.pages().fd(), reservation_, store_.pages().path())) {
    store_.pages().pages().Finish(reservation_, 0);
  }
  reservation_ = {};
  hasher_.reset();
}

Status StagingFile::GrowReservation(uint64_t min_size_bytes) {
  PageFile& file = store_.pages();
  if (file.pages().Extend(reservation_, min_size_bytes)) return {};
  const Extent larger = file.pages().Reserve(min_size_bytes);
  const auto copied = store_.io().Copy(file.fd(), reservation_.offset, file.fd(), larger.offset,
                                       size_, file.path());
  if (!copied) {
    // What was copied of it stays, in a range that is never handed out again; commit zeroes it.
    return tl::unexpected(copied.error());
  }
  if (store_.io().Zero(file.fd(), reservation_, file.path())) {
    file.pages().Finish(reservation_, 0);
  }
  reservation_ = larger;
  return {};
}

Status StagingFile::Prepare(uint64_t offset, uint64_t end) {
  if (state_ == State::kAtRest) {
    RETURN_IF_ERROR(Load(sealed_.size));
    size_ = sealed_.size;
  }
  if (state_ == State::kMemory && !FitsMemory(std::max(size_, end))) {
    if (offset != size_) return ToSpill(size_);
    return ToStream(std::max(end, kMaxMemoryFileSizeBytes + 1));
  }
  if (state_ == State::kStream && end > reservation_.size) {
    if (offset > size_ && offset - size_ > kMaxStreamGapBytes) return ToSpill(size_);
    return GrowReservation(end);
  }
  return {};
}

// ---- Writing ------------------------------------------------------------------------------------

Status StagingFile::Write(uint64_t offset, Bytes bytes) {
  const uint64_t end = offset + bytes.size();
  RETURN_IF_ERROR(Prepare(offset, end));
  switch (state_) {
    case State::kMemory:
      if (end > buffer_.size()) ResizeBuffer(end);
      std::memcpy(buffer_.data() + offset, bytes.data(), bytes.size());
      break;
    case State::kStream:
      RETURN_IF_ERROR(WriteStream(offset, bytes));
      break;
    default:
      RETURN_IF_ERROR(
          store_.io().Write(spill_.get(), bytes, offset, store_.SpillPath(spill_number_)));
  }
  size_ = std::max(size_, end);
  dirty_ = true;
  return {};
}

Status StagingFile::WriteStream(uint64_t offset, Bytes bytes) {
  PageFile& file = store_.pages();
  if (offset == size_ && hasher_) {
    RETURN_IF_ERROR(store_.io().Write(file.fd(), bytes, reservation_.offset + offset, file.path()));
    hasher_->Update(bytes);
  } else {
    hasher_.reset();
    RETURN_IF_ERROR(store_.io().Write(file.fd(), bytes, reservation_.offset + offset, file.path()));
  }
  const uint64_t end = offset + bytes.size();
  if (end >= writeback_from_ + kWritebackStepBytes) {
    file.StartWriteback({reservation_.offset + writeback_from_, end - writeback_from_});
    writeback_from_ = end;
  }
  return {};
}

Status StagingFile::Truncate(uint64_t size_bytes) {
  if (size_bytes == size_ && state_ != State::kAtRest) return {};
  if (state_ == State::kAtRest) {
    if (size_bytes == sealed_.size) return {};
    RETURN_IF_ERROR(Load(std::min(size_bytes, sealed_.size)));
    size_ = state_ == State::kSpill ? sealed_.size : std::min(size_bytes, sealed_.size);
  }
  if (size_bytes > size_) RETURN_IF_ERROR(Prepare(size_bytes, size_bytes));
  switch (state_) {
    case State::kMemory:
      ResizeBuffer(size_bytes);
      break;
    case State::kStream:
      hasher_.reset();
      if (size_bytes < size_) {
        RETURN_IF_ERROR(store_.io().Zero(store_.pages().fd(),
                                         {reservation_.offset + size_bytes, size_ - size_bytes},
                                         store_.pages().path()));
      }
      break;
    default:
      RETURN_IF_ERROR(
          store_.io().Truncate(spill_.get(), size_bytes, store_.SpillPath(spill_number_)));
  }
  size_ = size_bytes;
  dirty_ = true;
  return {};
}

// ---- Sealing ------------------------------------------------------------------------------------

Result<Content> StagingFile::SealStream() {
  Content content;
  content.where = Where::kPages;
  content.offset = reservation_.offset;
  content.size = size_;
  const auto view = store_.View(content);
  if (hasher_) {
    content.xxh3 = hasher_->Digest();
  } else if (view) {
    content.xxh3 = Xxh3(*view);
  } else {
    return Fail(ErrorKind::kNoSpace, store_.pages().path() + ": no address space to map it");
  }
  if (view) NotePicture(*view, content);
  return content;
}

Result<Content> StagingFile::Seal() {
  switch (state_) {
    case State::kAtRest:
      return sealed_;
    case State::kMemory: {
      if (size_ == 0) return Content();
      ASSIGN_OR_RETURN(Content content, store_.pages().Put(buffer_));
      NotePicture(buffer_, content);
      return content;
    }
    case State::kStream:
      return SealStream();
    case State::kSpill:
      break;
  }
  // Until now what was sealed before was untouched; from here on the spill file is the truth, so
  // its bytes must not be behind the journal that will say so.
  if (sealed_.where != Where::kSpill && sealed_.size > 0) {
    RETURN_IF_ERROR(SyncSpill());
    RETURN_IF_ERROR(store_.io().SyncParent(store_.SpillPath(spill_number_)));
  }
  Content content;
  content.where = Where::kSpill;
  content.offset = spill_number_;
  content.size = size_;
  return content;
}

void StagingFile::MarkSealed(const Content& content) {
  if (state_ == State::kStream) store_.pages().pages().Finish(reservation_, size_);
  if (state_ != State::kSpill) state_ = State::kAtRest;
  ResizeBuffer(0);
  hasher_.reset();
  reservation_ = {};
  sealed_ = content;
  dirty_ = false;
  if (times_sealed_ < 255) ++times_sealed_;
}

Status StagingFile::SyncSpill() {
  if (state_ != State::kSpill) return {};
  return store_.io().Sync(spill_.get(), store_.SpillPath(spill_number_));
}

void StagingFile::MoveTo(const Content& content) {
  sealed_ = content;
  if (state_ == State::kSpill) {
    spill_ = UniqueFd();
    state_ = State::kAtRest;
  }
}

}  // namespace betonfs
