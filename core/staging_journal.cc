#include "core/staging_journal.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "core/block_checks.h"
#include "core/endian.h"

namespace betonfs {
namespace {

constexpr char kJournalMagic[8] = {'B', 'E', 'T', 'O', 'N', 'J', 'N', 'L'};
constexpr uint32_t kJournalVersion = 1;
constexpr uint64_t kReserveStepSizeBytes = 4u << 20;

struct RawJournalHeader {
  char magic[8];
  u32le version;
  u32le zero;
  u64le generation;
  u64le base_size_bytes;
  u64le base_xxh3;
  char boot[16];
  u64le xxh3;  // of the header up to here
};
static_assert(sizeof(RawJournalHeader) == 64 && alignof(RawJournalHeader) == 1);

struct RawFrame {
  u32le body_size_bytes;
  u64le body_xxh3;
};
static_assert(sizeof(RawFrame) == 12);

struct RawBody {
  uint8_t kind;
  uint8_t where;
  uint8_t picture;
  uint8_t components;
  u16le mode;
  u16le width;
  u16le height;
  u16le path_size_bytes;
  u32le mtime_ns;
  i64le mtime_s;
  u64le offset;
  u64le size_bytes;
  u64le xxh3;
};
static_assert(sizeof(RawBody) == 48 && alignof(RawBody) == 1);

// Two paths of at most 64 KiB.
constexpr uint64_t kMaxBodySizeBytes = sizeof(RawBody) + 2 * uint64_t{65535};

template <class T>
Bytes RawBytes(const T& raw) {
  return std::as_bytes(std::span<const T>(&raw, 1));
}

// nullopt if the body means nothing.
std::optional<JournalRecord> ParseBody(Bytes body) {
  if (body.size() < sizeof(RawBody)) return std::nullopt;
  RawBody raw;
  std::memcpy(&raw, body.data(), sizeof raw);
  const auto texts = AsText(body.subspan(sizeof raw));
  if (raw.path_size_bytes > texts.size() || raw.kind == 0 ||
      raw.kind > static_cast<uint8_t>(kLastJournalKind) ||
      raw.where > static_cast<uint8_t>(Where::kSpill) ||
      raw.picture > static_cast<uint8_t>(Picture::kJpeg)) {
    return std::nullopt;
  }
  JournalRecord record;
  record.kind = static_cast<JournalKind>(raw.kind);
  record.mode = raw.mode;
  record.mtime = {raw.mtime_s, raw.mtime_ns};
  record.content = {static_cast<Where>(raw.where),     raw.offset,     raw.size_bytes, raw.xxh3,
                    static_cast<Picture>(raw.picture), raw.components, raw.width,      raw.height};
  record.path = texts.substr(0, raw.path_size_bytes);
  record.second = texts.substr(raw.path_size_bytes);
  return record;
}

// The record at `offset`, if it is whole; `end_offset` is then behind it.
std::optional<JournalRecord> RecordAt(Bytes journal, uint64_t offset, uint64_t& end_offset) {
  const auto frame_bytes = Slice(journal, offset, sizeof(RawFrame));
  if (!frame_bytes) return std::nullopt;
  RawFrame frame;
  std::memcpy(&frame, frame_bytes->data(), sizeof frame);
  if (frame.body_size_bytes > kMaxBodySizeBytes) return std::nullopt;
  const auto body = Slice(journal, offset + sizeof frame, frame.body_size_bytes);
  if (!body || Xxh3(*body) != frame.body_xxh3) return std::nullopt;
  end_offset = offset + sizeof frame + frame.body_size_bytes;
  return ParseBody(*body);
}

Result<JournalHeader> ParseJournalHeader(Bytes journal, const std::string& path) {
  const auto bytes = Slice(journal, 0, sizeof(RawJournalHeader));
  if (!bytes) {
    return Fail(ErrorKind::kTruncated, path + ": a journal of " + std::to_string(journal.size()) +
                                           " bytes, shorter than its header of " +
                                           std::to_string(sizeof(RawJournalHeader)));
  }
  RawJournalHeader raw;
  std::memcpy(&raw, bytes->data(), sizeof raw);
  if (std::memcmp(raw.magic, kJournalMagic, sizeof raw.magic) != 0) {
    return Fail(ErrorKind::kCorrupt, path + ": not the journal of a work area (offset 0)");
  }
  if (raw.version != kJournalVersion) {
    return Fail(ErrorKind::kUnsupported,
                path + ": a work area of version " + std::to_string(raw.version) +
                    ", this program knows version " + std::to_string(kJournalVersion));
  }
  if (Xxh3(bytes->first(offsetof(RawJournalHeader, xxh3))) != raw.xxh3) {
    return Fail(ErrorKind::kCorrupt, path + ": the journal's header fails its checksum (offset 0)");
  }
  JournalHeader header;
  header.generation = raw.generation;
  header.base = {raw.base_size_bytes, raw.base_xxh3};
  std::memcpy(header.boot.bytes, raw.boot, sizeof raw.boot);
  return header;
}

std::string SerializeHeader(const JournalHeader& header) {
  RawJournalHeader raw{};
  std::memcpy(raw.magic, kJournalMagic, sizeof raw.magic);
  raw.version = kJournalVersion;
  raw.generation = header.generation;
  raw.base_size_bytes = header.base.size_bytes;
  raw.base_xxh3 = header.base.xxh3;
  std::memcpy(raw.boot, header.boot.bytes, sizeof raw.boot);
  raw.xxh3 = Xxh3(RawBytes(raw).first(offsetof(RawJournalHeader, xxh3)));
  return std::string(AsText(RawBytes(raw)));
}

uint64_t SizeWithoutZeroTail(Bytes bytes) {
  while (!bytes.empty() && bytes.back() == std::byte{0}) bytes = bytes.first(bytes.size() - 1);
  return bytes.size();
}

}  // namespace

BootId BootId::Current() {
  BootId id;
  std::FILE* file = std::fopen("/proc/sys/kernel/random/boot_id", "re");
  if (!file) return id;
  // The text of a UUID, folded to its 128 bits by hashing: it only has to differ between boots.
  char text[64] = {};
  const size_t size = std::fread(text, 1, sizeof text, file);
  std::fclose(file);
  const uint64_t low = Xxh3(AsBytes({text, size}));
  const uint64_t high = Xxh3(AsBytes({text, size / 2}));
  std::memcpy(id.bytes, &low, 8);
  std::memcpy(id.bytes + 8, &high, 8);
  return id;
}

Result<JournalReplay> ReplayJournal(
    Bytes journal, const std::string& path,
    const std::function<bool(const JournalRecord&, uint64_t offset)>& apply) {
  JournalReplay replay;
  ASSIGN_OR_RETURN(replay.header, ParseJournalHeader(journal, path));
  replay.end_offset = sizeof(RawJournalHeader);
  uint64_t end_offset = 0;
  while (const auto record = RecordAt(journal, replay.end_offset, end_offset)) {
    if (!apply(*record, replay.end_offset)) break;
    replay.end_offset = end_offset;
    ++replay.num_records;
  }
  replay.damaged_size_bytes = SizeWithoutZeroTail(journal.subspan(replay.end_offset));
  return replay;
}

Result<uint64_t> SyncedOffset(Bytes journal, const std::string& path) {
  uint64_t synced = 0;
  const auto note = [&](const JournalRecord& record, uint64_t) {
    if (record.kind == JournalKind::kSynced) synced = std::max(synced, record.content.offset);
    return true;
  };
  RETURN_IF_ERROR(ReplayJournal(journal, path, note));
  return synced;
}

JournalWriter::JournalWriter(StageIo& io, std::string path, UniqueFd fd, uint64_t end_offset)
    : io_(io),
      path_(std::move(path)),
      fd_(std::move(fd)),
      appended_(end_offset),
      written_(end_offset) {}

Result<std::unique_ptr<JournalWriter>> JournalWriter::Create(StageIo& io, const std::string& path,
                                                             const JournalHeader& header) {
  ASSIGN_OR_RETURN(UniqueFd fd, io.Open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
  const std::string text = SerializeHeader(header);
  RETURN_IF_ERROR(io.Write(fd.get(), AsBytes(text), 0, path));
  return std::unique_ptr<JournalWriter>(
      new JournalWriter(io, path, std::move(fd), sizeof(RawJournalHeader)));
}

Result<std::unique_ptr<JournalWriter>> JournalWriter::Resume(StageIo& io, const std::string& path,
                                                             uint64_t end_offset) {
  ASSIGN_OR_RETURN(UniqueFd fd, io.Open(path, O_RDWR, 0));
  RETURN_IF_ERROR(io.Truncate(fd.get(), end_offset, path));
  return std::unique_ptr<JournalWriter>(new JournalWriter(io, path, std::move(fd), end_offset));
}

Status JournalWriter::Reserve() {
  const uint64_t end = size_bytes();
  if (end + kReserveSizeBytes <= reserved_) return {};
  if (fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(end),
                static_cast<off_t>(kReserveStepSizeBytes)) == 0) {
    reserved_ = end + kReserveStepSizeBytes;
    return {};
  }
  if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR) {
    return FailErrno(path_ + ": no room for the journal", errno);
  }
  return {};  // a file system without preallocation: the write itself will tell
}

void JournalWriter::Append(const JournalRecord& record) {
  RawBody raw{};
  raw.kind = static_cast<uint8_t>(record.kind);
  raw.where = static_cast<uint8_t>(record.content.where);
  raw.picture = static_cast<uint8_t>(record.content.picture);
  raw.components = record.content.components;
  raw.mode = record.mode;
  raw.width = record.content.width;
  raw.height = record.content.height;
  raw.path_size_bytes = static_cast<uint16_t>(record.path.size());
  raw.mtime_ns = record.mtime.ns;
  raw.mtime_s = record.mtime.s;
  raw.offset = record.content.offset;
  raw.size_bytes = record.content.size;
  raw.xxh3 = record.content.xxh3;

  const std::lock_guard lock(pending_mutex_);
  const size_t frame_offset = pending_.size();
  const size_t body_offset = frame_offset + sizeof(RawFrame);
  pending_.append(sizeof(RawFrame), '\0');
  pending_.append(AsText(RawBytes(raw)));
  pending_.append(record.path);
  pending_.append(record.second);
  RawFrame frame;
  frame.body_size_bytes = static_cast<uint32_t>(pending_.size() - body_offset);
  frame.body_xxh3 = Xxh3(AsBytes(pending_).subspan(body_offset));
  std::memcpy(pending_.data() + frame_offset, &frame, sizeof frame);
  appended_ += pending_.size() - frame_offset;
}

Status JournalWriter::Flush() {
  const std::lock_guard write_lock(write_mutex_);
  {
    // Whoever comes here while another writes finds all of it written when it is let in.
    const std::lock_guard lock(pending_mutex_);
    if (writing_.empty()) {
      writing_.swap(pending_);
    } else {  // the last write failed: try again, in order
      writing_ += pending_;
      pending_.clear();
    }
  }
  if (writing_.empty()) return {};
  RETURN_IF_ERROR(io_.Write(fd_.get(), AsBytes(writing_), written_, path_));
  written_ += writing_.size();
  writing_.clear();
  return {};
}

Status JournalWriter::Sync() {
  RETURN_IF_ERROR(Flush());
  return io_.Sync(fd_.get(), path_);
}

Status JournalWriter::PutInPlace(const std::string& path) {
  RETURN_IF_ERROR(Sync());
  RETURN_IF_ERROR(io_.Rename(path_, path));
  path_ = path;
  return io_.SyncParent(path);
}

uint64_t JournalWriter::size_bytes() const {
  const std::lock_guard lock(pending_mutex_);
  return appended_;
}

}  // namespace betonfs
