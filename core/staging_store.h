// The bytes of a staging mount: the page file that becomes the next dataset, the dataset it began
// with, and the spill files for what is written at random.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/bytes.h"
#include "core/dataset.h"
#include "core/result.h"
#include "core/staging_io.h"
#include "core/staging_journal.h"
#include "core/staging_pages.h"

namespace betonfs {

// What a JPEG's frame header says, for Content; `head` is the beginning of the file or all of it.
void NotePicture(Bytes file, Content& content);

// A file mapped well beyond its end, so that what is appended is readable at once.
class GrowingMap {
 public:
  GrowingMap() = default;
  GrowingMap(GrowingMap&& other) noexcept;
  GrowingMap& operator=(GrowingMap&& other) noexcept;
  ~GrowingMap();
  // A terabyte of it, less where the address space is limited (ulimit -v), down to nothing: At()
  // then has nothing to give.
  static GrowingMap Of(int fd);
  // nullopt beyond what is mapped.  The caller knows that the file is that long.
  std::optional<Bytes> At(Extent extent) const { return Slice(bytes_, extent.offset, extent.size); }

 private:
  Bytes bytes_;
};

// The page file of one generation.  Any thread may read and write; the ranges come from pages().
class PageFile {
 public:
  // Opens or makes `path`.  What lies beyond `keep_bytes` is cut off: it reads as zeros again.
  static Result<std::unique_ptr<PageFile>> Open(StageIo& io, const std::string& path,
                                                uint64_t first_offset, uint64_t keep_bytes,
                                                uint32_t page_size_bytes);
  ~PageFile();

  PageAllocator& pages() { return pages_; }
  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  const GrowingMap& map() const { return map_; }

  // A whole file of at most a page, into a page.  Sets where, offset, size and xxh3.
  // Errors: kNoSpace, kIo; its range is then lost, which costs nothing but address space.
  Result<Content> Put(Bytes file);

  // Begins writing a range to the disk in the background.  The first call starts the thread for it:
  // a daemon opens its page file before it gives up its rights, and threads made then would keep
  // them.
  void StartWriteback(Extent extent);

 private:
  PageFile(StageIo& io, std::string path, UniqueFd fd, uint64_t first_offset,
           uint32_t page_size_bytes);
  void WritebackLoop();

  StageIo& io_;
  std::string path_;
  UniqueFd fd_;
  GrowingMap map_;
  PageAllocator pages_;
  std::mutex writeback_mutex_;
  std::condition_variable writeback_wanted_;
  std::vector<Extent> writeback_;
  bool stopping_ = false;
  std::thread writeback_thread_;  // started and asked for under writeback_mutex_
};

// Reading, whichever file holds it.  The members are exchanged by commit, when nobody reads.
class StagingStore {
 public:
  StagingStore(StageIo& io, std::string dir) : io_(io), dir_(std::move(dir)) {}

  StageIo& io() const { return io_; }
  const std::string& dir() const { return dir_; }
  PageFile& pages() const { return *pages_; }
  const std::shared_ptr<const Dataset>& base() const { return base_; }
  void SetPages(std::unique_ptr<PageFile> pages) { pages_ = std::move(pages); }
  void SetBase(std::shared_ptr<const Dataset> base) { base_ = std::move(base); }

  std::string SpillPath(uint64_t number) const;
  uint64_t NewSpillNumber() { return next_spill_.fetch_add(1); }
  void KeepSpillNumbersAbove(uint64_t number);
  Result<UniqueFd> OpenSpill(uint64_t number, int flags) const;

  // In place; nullopt if it must be copied out with Read().  The span lives until commit exchanges
  // the files.
  std::optional<Bytes> View(const Content& content) const;
  // Fills `bytes` from `offset` of the content.  Errors: kTruncated, kIo.
  Status Read(const Content& content, uint64_t offset, MutableBytes bytes) const;
  // Copies the first `size_bytes` of the content into an open file; whether blocks are shared.
  Result<bool> CopyTo(const Content& content, uint64_t size_bytes, int fd, uint64_t offset,
                      const std::string& path) const;

  // Memory that files being written hold, over all of them; they look before they take more.
  std::atomic<uint64_t>& buffered_bytes() { return buffered_bytes_; }
  static constexpr uint64_t kMaxBufferedBytes = 256u << 20;

 private:
  struct Source {  // an open file and where the content lies in it
    int fd;
    uint64_t offset;
    UniqueFd owned;
  };
  Result<Source> SourceOf(const Content& content) const;

  StageIo& io_;
  std::string dir_;
  std::unique_ptr<PageFile> pages_;
  std::shared_ptr<const Dataset> base_;
  std::atomic<uint64_t> next_spill_{1};
  std::atomic<uint64_t> buffered_bytes_{0};
};

}  // namespace betonfs
