#include "tests/support/staging.h"

#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/block_checks.h"
#include "tests/support/temp_dir.h"

namespace betonfs::test {

void ForgetBoot(const std::string& work_area) {
  constexpr size_t kBootOffset = 40;
  constexpr size_t kChecksumOffset = 56;
  for (const auto& entry : std::filesystem::directory_iterator(work_area)) {
    if (!entry.path().filename().string().starts_with("journal.")) continue;
    std::string text = ReadFile(entry.path());
    ASSERT_GE(text.size(), kChecksumOffset + 8);
    text[kBootOffset] = static_cast<char>(text[kBootOffset] ^ 1);
    const uint64_t checksum = Xxh3(AsBytes(text).first(kChecksumOffset));
    std::memcpy(text.data() + kChecksumOffset, &checksum, sizeof checksum);
    std::ofstream(entry.path(), std::ios::binary) << text;
  }
}

std::string ContentsOf(StagingArea& area, StageIno ino) {
  const auto attr = area.GetAttr(ino);
  if (!attr) {
    ADD_FAILURE() << attr.error().message;
    return "";
  }
  std::string contents;
  std::vector<std::byte> buffer;
  const Status read = area.Read(ino, 0, attr->size_bytes, buffer,
                                [&](Bytes bytes) { contents = std::string(AsText(bytes)); });
  EXPECT_TRUE(read) << read.error().message;
  EXPECT_EQ(contents.size(), attr->size_bytes);
  return contents;
}

Stage::Stage(std::string beton_path, StageIo* io, uint32_t page_size_bytes)
    : beton_path_(std::move(beton_path)),
      page_size_bytes_(page_size_bytes),
      io_(io ? io : &own_io_) {
  Reopen();
}

void Stage::Reopen() {
  area_.reset();
  StageOptions options;
  options.beton_path = beton_path_;
  options.page_size_bytes = page_size_bytes_;
  resumed_ = ResumeReport();
  auto area = StagingArea::Open(*io_, options, resumed_);
  ASSERT_TRUE(area) << area.error().message;
  area_ = std::move(*area);
}

StageIno Stage::Find(const std::string& path) {
  StageIno at = kStageRoot;
  size_t begin = 0;
  while (begin < path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const auto next = area_->Lookup(at, path.substr(begin, end - begin));
    if (!next || !*next) return StageIno{0};
    at = (*next)->ino;
    area_->Forget(at, 1);
    begin = end + 1;
  }
  return at;
}

Stage::Place Stage::PlaceOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {kStageRoot, path};
  return {Find(path.substr(0, slash)), path.substr(slash + 1)};
}

void Stage::MakeDirectories(const std::string& path) {
  if (path.empty() || Number(Find(path)) != 0) return;
  const size_t slash = path.rfind('/');
  MakeDirectories(slash == std::string::npos ? "" : path.substr(0, slash));
  const Place place = PlaceOf(path);
  const auto made = area_->MakeDirectory(place.dir, place.name, 0755);
  ASSERT_TRUE(made) << path << ": " << made.error().message;
  area_->Forget(made->ino, 1);
}

void Stage::Put(const std::string& path, const std::string& contents, size_t step) {
  if (const size_t slash = path.rfind('/'); slash != std::string::npos) {
    MakeDirectories(path.substr(0, slash));
  }
  const Place place = PlaceOf(path);
  StageIno ino = Find(path);
  if (Number(ino) != 0) {
    const Status opened = area_->OpenForWriting(ino, true);
    ASSERT_TRUE(opened) << opened.error().message;
  } else {
    const auto made = area_->Create(place.dir, place.name, 0644, true);
    ASSERT_TRUE(made) << path << ": " << made.error().message;
    ino = made->ino;
    area_->Forget(ino, 1);
  }
  for (size_t at = 0; at < contents.size(); at += step) {
    const Status written = area_->Write(ino, at, AsBytes(contents.substr(at, step)));
    ASSERT_TRUE(written) << written.error().message;
  }
  const Status flushed = area_->Flush(ino);
  ASSERT_TRUE(flushed) << flushed.error().message;
  const Status released = area_->Release(ino);
  ASSERT_TRUE(released) << released.error().message;
}

void Stage::Remove(const std::string& path) {
  const Place place = PlaceOf(path);
  const Status removed = area_->Unlink(place.dir, place.name);
  ASSERT_TRUE(removed) << removed.error().message;
}

std::string Stage::Contents(const std::string& path) { return ContentsOf(*area_, Find(path)); }

void Stage::Collect(StageIno dir, const std::string& path,
                    std::map<std::string, std::string>& all) {
  const auto ids = area_->List(dir);
  ASSERT_TRUE(ids) << ids.error().message;
  for (const uint32_t id : *ids) {
    const auto child = area_->ChildOf(dir, id, false);
    if (!child) continue;
    const std::string child_path = path.empty() ? child->name : path + "/" + child->name;
    switch (child->attr.kind) {
      case NodeKind::kDirectory:
        all[child_path] = "/";
        Collect(child->attr.ino, child_path, all);
        break;
      case NodeKind::kSymlink:
        all[child_path] = "-> " + *area_->ReadLink(child->attr.ino);
        break;
      case NodeKind::kFile:
        all[child_path] = ContentsOf(*area_, child->attr.ino);
    }
  }
}

std::map<std::string, std::string> Stage::Everything() {
  std::map<std::string, std::string> all;
  Collect(kStageRoot, "", all);
  return all;
}

CommitReport Stage::Commit(const CommitOptions& options) {
  CommitProgress progress;
  auto report = StagingCommit::Run(*area_, options, progress);
  EXPECT_TRUE(report) << report.error().message;
  return report ? *report : CommitReport();
}

}  // namespace betonfs::test
