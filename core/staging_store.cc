#include "core/staging_store.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/block_checks.h"
#include "core/jpeg_header.h"
#include "core/staging_work_area.h"

namespace betonfs {
namespace {

constexpr uint64_t kMapSizeBytes = uint64_t{1} << 40;
constexpr uint64_t kLeastMapSizeBytes = uint64_t{1} << 30;

// A frame header is nearly always in front of this; what is not is looked for in all of the file.
constexpr uint64_t kPicturePrefixBytes = 64 << 10;

}  // namespace

void NotePicture(Bytes file, Content& content) {
  content.picture = Picture::kNotJpeg;
  if (!LooksLikeJpeg(file)) return;
  JpegHeaderParser parser;
  JpegHeader header =
      parser.Parse(file.first(std::min<uint64_t>(file.size(), kPicturePrefixBytes)));
  if (header.state == JpegHeader::State::kNeedsMore) header = parser.Parse(file);
  if (header.state != JpegHeader::State::kJpeg) return;
  content.picture = Picture::kJpeg;
  content.components = header.num_components;
  content.width = header.width;
  content.height = header.height;
}

// ---- GrowingMap ---------------------------------------------------------------------------------

GrowingMap::GrowingMap(GrowingMap&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

GrowingMap& GrowingMap::operator=(GrowingMap&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

GrowingMap::~GrowingMap() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

GrowingMap GrowingMap::Of(int fd) {
  GrowingMap map;
  for (uint64_t size = kMapSizeBytes; size >= kLeastMapSizeBytes; size /= 2) {
    void* address = mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (address == MAP_FAILED) continue;
    map.bytes_ = {static_cast<const std::byte*>(address), size};
    break;
  }
  return map;
}

// ---- PageFile -----------------------------------------------------------------------------------

PageFile::PageFile(StageIo& io, std::string path, UniqueFd fd, uint64_t first_offset,
                   uint32_t page_size_bytes)
    : io_(io),
      path_(std::move(path)),
      fd_(std::move(fd)),
      map_(GrowingMap::Of(fd_.get())),
      pages_(first_offset, page_size_bytes) {}

PageFile::~PageFile() {
  {
    const std::lock_guard lock(writeback_mutex_);
    stopping_ = true;
  }
  writeback_wanted_.notify_one();
  if (writeback_thread_.joinable()) writeback_thread_.join();
}

Result<std::unique_ptr<PageFile>> PageFile::Open(StageIo& io, const std::string& path,
                                                 uint64_t first_offset, uint64_t keep_bytes,
                                                 uint32_t page_size_bytes) {
  ASSIGN_OR_RETURN(UniqueFd fd, io.Open(path, O_RDWR | O_CREAT, 0644));
  RETURN_IF_ERROR(io.Truncate(fd.get(), keep_bytes, path));
  return std::unique_ptr<PageFile>(
      new PageFile(io, path, std::move(fd), std::max(first_offset, keep_bytes), page_size_bytes));
}

Result<Content> PageFile::Put(Bytes file) {
  const PageAllocator::Allocation allocation = pages_.Allocate(file.size());
  RETURN_IF_ERROR(io_.Write(fd_.get(), file, allocation.offset, path_));
  if (allocation.filled) StartWriteback(*allocation.filled);
  Content content;
  content.where = Where::kPages;
  content.offset = allocation.offset;
  content.size = file.size();
  content.xxh3 = Xxh3(file);
  return content;
}

void PageFile::StartWriteback(Extent extent) {
  {
    const std::lock_guard lock(writeback_mutex_);
    writeback_.push_back(extent);
    if (!writeback_thread_.joinable()) writeback_thread_ = std::thread([this] { WritebackLoop(); });
  }
  writeback_wanted_.notify_one();
}

void PageFile::WritebackLoop() {
  std::unique_lock lock(writeback_mutex_);
  while (true) {
    writeback_wanted_.wait(lock, [this] { return stopping_ || !writeback_.empty(); });
    if (stopping_) return;
    const std::vector<Extent> extents = std::exchange(writeback_, {});
    lock.unlock();
    for (const Extent& extent : extents) io_.StartWriteback(fd_.get(), extent);
    lock.lock();
  }
}

// ---- StagingStore -------------------------------------------------------------------------------

std::string StagingStore::SpillPath(uint64_t number) const {
  return betonfs::SpillPath(dir_, number);
}

void StagingStore::KeepSpillNumbersAbove(uint64_t number) {
  next_spill_ = std::max(next_spill_.load(), number + 1);
}

Result<UniqueFd> StagingStore::OpenSpill(uint64_t number, int flags) const {
  return io_.Open(SpillPath(number), flags, 0644);
}

std::optional<Bytes> StagingStore::View(const Content& content) const {
  if (content.size == 0) return Bytes();
  if (content.where == Where::kPages) return pages_->map().At({content.offset, content.size});
  if (content.where == Where::kBase) return Slice(base_->bytes(), content.offset, content.size);
  return std::nullopt;
}

Result<StagingStore::Source> StagingStore::SourceOf(const Content& content) const {
  if (content.where == Where::kPages) return Source{pages_->fd(), content.offset, UniqueFd()};
  if (content.where == Where::kBase) {
    return Source{base_->file().fd(), content.offset, UniqueFd()};
  }
  ASSIGN_OR_RETURN(UniqueFd fd, OpenSpill(content.offset, O_RDONLY));
  const int number = fd.get();
  return Source{number, 0, std::move(fd)};
}

Status StagingStore::Read(const Content& content, uint64_t offset, MutableBytes bytes) const {
  if (bytes.empty()) return {};
  ASSIGN_OR_RETURN(const Source source, SourceOf(content));
  return ReadAt(source.fd, bytes, source.offset + offset, dir_);
}

Result<bool> StagingStore::CopyTo(const Content& content, uint64_t size_bytes, int fd,
                                  uint64_t offset, const std::string& path) const {
  if (size_bytes == 0) return false;
  ASSIGN_OR_RETURN(const Source source, SourceOf(content));
  return io_.Copy(source.fd, source.offset, fd, offset, size_bytes, path);
}

}  // namespace betonfs
