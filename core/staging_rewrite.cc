// Compaction and shuffling: the staged samples are written into a new file, as pack would.
#include "core/dataset_writer.h"
#include "core/shuffle.h"
#include "core/staging_base.h"
#include "core/staging_commit.h"
#include "core/text.h"

namespace betonfs {
namespace {

class StagedReader : public SampleReader {
 public:
  StagedReader(const CommitPlan& plan, const StagingStore& store, const Schema& schema)
      : plan_(plan), store_(store), schema_(schema) {}

  Status Read(const PayloadPart& part, MutableBytes room) override {
    const Content& content = plan_.samples[Number(part.sample)].content;
    return store_.Read(content, part.offset, room.first(part.size));
  }

  Status Describe(SampleIndex number, MutableBytes row) override {
    const PlannedSample& sample = plan_.samples[Number(number)];
    if (plan_.schema == SchemaKind::kImage) {
      const Field& field = schema_.payload_field(0);
      RawRgbCell cell = ReadRgb(row, field);
      cell.mode = 0;
      cell.width = sample.content.width;
      cell.height = sample.content.height;
      WriteRgb(row, field, cell);
    }
    if (plan_.labels.has_labels) {
      WriteInt(row, *schema_.Find("label"), plan_.labels.label_of_directory[sample.directory]);
    }
    return {};
  }

 private:
  const CommitPlan& plan_;
  const StagingStore& store_;
  const Schema& schema_;
};

class StagedSource : public SampleSource {
 public:
  // The plan's samples get their hashes; `tree` is looked at in AddNames only.
  StagedSource(CommitPlan& plan, const StagingStore& store, const StagingTree& tree)
      : plan_(plan),
        store_(store),
        tree_(tree),
        schema_(MakeFileSchema(plan.schema, plan.labels.has_labels)) {
    for (const PlannedSample& sample : plan.samples) sizes_.push_back(sample.content.size);
  }

  const Schema& schema() const override { return schema_; }
  uint64_t num_samples() const override { return plan_.samples.size(); }
  std::span<const uint64_t> payload_sizes() const override { return sizes_; }
  std::unique_ptr<SampleReader> NewReader() override {
    return std::make_unique<StagedReader>(plan_, store_, schema_);
  }

  Status AddNames(IndexBuilder& index, std::span<const uint64_t> xxh3) override {
    const auto directories = AddPlannedDirectories(plan_, tree_, index);
    for (uint64_t i = 0; i < plan_.samples.size(); ++i) {
      PlannedSample& sample = plan_.samples[i];
      // What was sealed is what was read back, or it must not be passed on as sound.
      const bool is_known = sample.content.size > 0 && sample.content.where != Where::kSpill;
      if (is_known && sample.content.xxh3 != xxh3[i]) {
        return Fail(ErrorKind::kCorrupt,
                    Cat(plan_.PathOf(sample), ": read back with checksum ", Hex(xxh3[i]),
                        ", stored was ", Hex(sample.content.xxh3)));
      }
      sample.content.xxh3 = xxh3[i];
      const StageNode& node = tree_.At(sample.ino);
      index.AddSample(SampleIndex{i}, directories[sample.directory], sample.name,
                      {node.mode, node.mtime.s, node.mtime.ns}, sample.content.size, xxh3[i]);
    }
    return {};
  }

 private:
  CommitPlan& plan_;
  const StagingStore& store_;
  const StagingTree& tree_;
  Schema schema_;
  std::vector<uint64_t> sizes_;
};

}  // namespace

Status StagingCommit::Rewrite() {
  progress_.phase = CommitProgress::Phase::kRewriting;
  progress_.done = 0;
  progress_.total = plan_.payload_bytes;
  if (options_.shuffle_seed) Shuffle(plan_.samples, *options_.shuffle_seed);
  // Nobody changes the tree now; FORGET may free nodes of it, but none that has a name.
  StagedSource source(plan_, area_.store_, area_.tree_);
  built_path_ = area_.dir() + "/rewrite.new";
  DatasetOptions options;
  options.existing = ReplacementFile::Existing::kReplace;
  options.write.num_threads = 2;
  options.write.on_progress = [this](uint64_t, uint64_t bytes) { progress_.done += bytes; };
  ASSIGN_OR_RETURN(const WrittenDataset written, WriteDataset(built_path_, source, options));
  report_.file_size_bytes = written.file_size_bytes;
  report_.page_size_bytes = written.page_size_bytes;
  report_.num_pages = written.num_pages;
  report_.moved_bytes = written.payload_bytes;
  for (const SampleIndex sample : written.oversize_samples) {
    report_.oversize.push_back(plan_.PathOf(plan_.samples[Number(sample)]));
  }
  return ReadOffsets(built_path_);
}

Status StagingCommit::ReadOffsets(const std::string& path) {
  ASSIGN_OR_RETURN(const auto dataset, Dataset::Open(path));
  const Field& field = dataset->schema().payload_field(0);
  for (uint64_t i = 0; i < plan_.samples.size(); ++i) {
    ASSIGN_OR_RETURN(const Payload payload, dataset->PayloadOf(SampleIndex{i}, field));
    plan_.samples[i].content.offset = payload.offset;
  }
  return {};
}

}  // namespace betonfs
