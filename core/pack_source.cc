#include "core/pack_source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/file.h"
#include "core/png_image.h"
#include "core/raw_image.h"
#include "core/tree_opener.h"

namespace betonfs {

// Reads files straight into the page buffer.  A file costs open, one read and close; the read asks
// for a byte more than was planned, which tells whether the file has grown.
class PackReader : public SampleReader {
 public:
  explicit PackReader(PackSource& source) : source_(source), opener_(source.tree()) {}

  Status Read(const PayloadPart& part, MutableBytes room) override {
    const WalkedFile& file = source_.FileOf(part.sample);
    if (Kind(part.sample) == FileKind::kPng) return ReadPixels(part, file, room);
    if (part.offset == 0) {
      ASSIGN_OR_RETURN(fd_, opener_.Open(file));
    }
    RETURN_IF_ERROR(Fill(file, part.size, part.is_last, room));
    if (part.offset == 0) RETURN_IF_ERROR(LookAt(file, room.first(part.size)));
    if (part.is_last) fd_ = UniqueFd();
    return {};
  }

  Status Describe(SampleIndex sample, MutableBytes row) override {
    const std::vector<Field>& fields = source_.schema().fields();
    if (fields[0].type == FieldType::kRgbImage) {
      RawRgbCell cell = ReadRgb(row, fields[0]);
      cell.mode = Kind(sample) == FileKind::kPng ? 1 : 0;
      cell.width = width_;
      cell.height = height_;
      WriteRgb(row, fields[0], cell);
    }
    const Labels& labels = source_.plan().labels;
    if (labels.has_labels) {
      WriteInt(row, fields[1], labels.label_of_directory[source_.FileOf(sample).directory]);
    }
    return {};
  }

 private:
  // What the sample is stored as.
  FileKind Kind(SampleIndex sample) const {
    const PackPlan& plan = source_.plan();
    if (plan.kind == SchemaKind::kBytes) return FileKind::kOther;
    if (plan.facts.empty()) return FileKind::kJpeg;
    return plan.facts[plan.order[Number(sample)]].kind;
  }

  tl::unexpected<Error> Changed(const WalkedFile& file, const char* how) const {
    return Fail(ErrorKind::kChanged, opener_.NameForPeople(file) + " " + how + ", " +
                                         std::to_string(file.size_bytes) +
                                         " bytes were expected: it changed while it was packed");
  }

  Status Fill(const WalkedFile& file, uint64_t size, bool is_last, MutableBytes room) {
    uint64_t filled = 0;
    while (true) {
      const ssize_t got = read(fd_.get(), &room[filled], size - filled + (is_last ? 1 : 0));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FailErrno("cannot read " + opener_.NameForPeople(file), errno);
      filled += static_cast<uint64_t>(got);
      if (filled > size) return Changed(file, "is longer now");
      // At its end a file gives less than was asked for: no second read to be sure.
      if (filled == size) return {};
      if (got == 0) return Changed(file, "is shorter now");
    }
  }

  // `prefix` is the front of the file, or all of it.
  Status LookAt(const WalkedFile& file, Bytes prefix) {
    const PackPlan& plan = source_.plan();
    if (plan.kind == SchemaKind::kBytes) {
      if (!plan.look_at_bytes || !LooksLikeJpeg(prefix)) return {};
    }
    ASSIGN_OR_RETURN(const FileFact fact, inspector_.Inspect(prefix, file.size_bytes, fd_.get(),
                                                             opener_.NameForPeople(file)));
    if (plan.kind == SchemaKind::kBytes) {
      if (fact.kind == FileKind::kJpeg) source_.num_jpegs_among_bytes_.fetch_add(1);
      return {};
    }
    if (fact.kind != FileKind::kJpeg) {
      if (plan.facts.empty()) return source_.GuessWasWrong();
      return Changed(file, "is no JPEG that FFCV decodes any more");
    }
    width_ = fact.width;
    height_ = fact.height;
    return {};
  }

  // A PNG is decoded whole when its first part is asked for.
  Status ReadPixels(const PayloadPart& part, const WalkedFile& file, MutableBytes room) {
    if (part.offset == 0) {
      const std::string name = opener_.NameForPeople(file);
      ASSIGN_OR_RETURN(fd_, opener_.Open(file));
      std::vector<std::byte> png(file.size_bytes + 1);
      RETURN_IF_ERROR(Fill(file, file.size_bytes, true, png));
      png.pop_back();
      PngLoss loss;
      ASSIGN_OR_RETURN(pixels_, DecodePng(png, name, &loss));
      const FileFact& fact = source_.plan().facts[source_.plan().order[Number(part.sample)]];
      if (pixels_.size() != size_t{3} * fact.width * fact.height) {
        return Changed(file, "has another size in pixels");
      }
      width_ = fact.width;
      height_ = fact.height;
      if (loss.alpha) source_.num_without_alpha_.fetch_add(1);
      if (loss.sixteen_bit) source_.num_scaled_to_8_bit_.fetch_add(1);
      fd_ = UniqueFd();
    }
    std::memcpy(room.data(), &pixels_[part.offset], part.size);
    if (part.is_last) pixels_ = {};
    return {};
  }

  PackSource& source_;
  TreeOpener opener_;
  FileInspector inspector_;
  UniqueFd fd_;  // of the file being read
  uint16_t width_ = 0;
  uint16_t height_ = 0;
  std::vector<std::byte> pixels_;
};

PackSource::PackSource(const FileTree& tree, PackPlan plan)
    : tree_(tree),
      plan_(std::move(plan)),
      schema_(MakeFileSchema(plan_.kind, plan_.labels.has_labels)) {
  sizes_.reserve(plan_.order.size());
  for (const uint32_t file : plan_.order) {
    const bool is_png = plan_.kind == SchemaKind::kImage && !plan_.facts.empty() &&
                        plan_.facts[file].kind == FileKind::kPng;
    const FileFact fact = is_png ? plan_.facts[file] : FileFact{};
    sizes_.push_back(is_png ? uint64_t{3} * fact.width * fact.height
                            : tree_.files()[file].size_bytes);
  }
}

std::unique_ptr<SampleReader> PackSource::NewReader() {
  return std::make_unique<PackReader>(*this);
}

tl::unexpected<Error> PackSource::GuessWasWrong() {
  guess_was_wrong_ = true;
  return Fail(ErrorKind::kCancelled, tree_.root() + ": the names do not say what the files are");
}

std::vector<DirIndex> PackSource::AddDirectories(IndexBuilder& index) const {
  const std::vector<WalkedDirectory>& directories = tree_.directories();
  std::vector<DirIndex> added(directories.size(), kRootDir);
  index.SetRootAttributes(directories[0].attributes);
  for (size_t i = 1; i < directories.size(); ++i) {
    added[i] = index.AddDirectory(added[directories[i].parent], tree_.NameOf(directories[i]),
                                  directories[i].attributes);
  }
  return added;
}

Status PackSource::AddNames(IndexBuilder& index, std::span<const uint64_t> xxh3) {
  const bool guessed_bytes = plan_.kind == SchemaKind::kBytes && plan_.look_at_bytes;
  if (guessed_bytes && num_samples() > 0 && 2 * num_jpegs_among_bytes_ >= num_samples()) {
    return GuessWasWrong();
  }
  const std::vector<DirIndex> directories = AddDirectories(index);
  for (uint64_t i = 0; i < num_samples(); ++i) {
    const WalkedFile& file = FileOf(SampleIndex{i});
    uint64_t size_bytes = file.size_bytes;
    RawView raw_view = RawView::kPpm;
    if (plan_.kind == SchemaKind::kImage && !plan_.facts.empty()) {
      const FileFact& fact = plan_.facts[plan_.order[i]];
      if (fact.kind == FileKind::kPng) {
        raw_view = RawView::kPng;  // its name says so
        size_bytes = RawImageSizeBytes(fact.width, fact.height, raw_view);
      }
    }
    index.AddSample(SampleIndex{i}, directories[file.directory], tree_.NameOf(file),
                    file.attributes, size_bytes, xxh3[i], raw_view);
  }
  return {};
}

}  // namespace betonfs
