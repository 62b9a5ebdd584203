#include "core/dataset_writer.h"

#include <numeric>
#include <utility>

#include "core/index_builder.h"
#include "core/structure_writer.h"

namespace betonfs {
namespace {

std::vector<RawTableRow> MakeTable(const PageLayout& layout, std::span<const uint64_t> sizes,
                                   uint32_t payloads_per_sample) {
  std::vector<RawTableRow> table(sizes.size());
  for (uint64_t i = 0; i < sizes.size(); ++i) {
    table[i].sample = i / payloads_per_sample;
    table[i].payload_offset = layout.OffsetOf(i);
    table[i].payload_size_bytes = sizes[i];
  }
  return table;
}

WrittenDataset Summary(const PageLayout& layout, std::span<const uint64_t> sizes,
                       uint64_t file_size_bytes) {
  return {.file_size_bytes = file_size_bytes,
          .payload_bytes = std::accumulate(sizes.begin(), sizes.end(), uint64_t{0}),
          .page_size_bytes = layout.page_size_bytes(),
          .num_pages = layout.num_pages(),
          .oversize_samples = {layout.oversize_samples().begin(), layout.oversize_samples().end()}};
}

}  // namespace

Result<WrittenDataset> WriteDataset(const std::string& target, SampleSource& source,
                                    const DatasetOptions& options) {
  const Schema& schema = source.schema();
  const uint64_t num_samples = source.num_samples();
  ASSIGN_OR_RETURN(const PageLayout layout,
                   PageLayout::Plan(source.payload_sizes(), schema.num_payloads(),
                                    {.page_size_bytes = options.page_size_bytes,
                                     .align_bytes = options.align_bytes,
                                     .rows_end = RowsEnd(schema, num_samples)}));
  ASSIGN_OR_RETURN(ReplacementFile file, ReplacementFile::Create(target, options.existing));

  std::vector<std::byte> rows(num_samples * schema.row_size_bytes());
  std::vector<uint64_t> xxh3(num_samples);
  RETURN_IF_ERROR(WritePages(file.fd(), target, source, layout, {rows, xxh3}, options.write));

  IndexBuilder builder(num_samples);
  RETURN_IF_ERROR(source.AddNames(builder, xxh3));
  ASSIGN_OR_RETURN(const IndexSections index, builder.Finish());
  const auto table = MakeTable(layout, source.payload_sizes(), schema.num_payloads());
  const Structures structures{.schema = &schema,
                              .page_size_bytes = layout.page_size_bytes(),
                              .num_samples = num_samples,
                              .rows = rows,
                              .table = std::as_bytes(std::span(table)),
                              .index = &index,
                              .pages_end = layout.pages().offset + layout.pages().size};
  ASSIGN_OR_RETURN(const uint64_t size, WriteStructures(file.fd(), structures, target));
  RETURN_IF_ERROR(file.Commit());
  return Summary(layout, source.payload_sizes(), size);
}

}  // namespace betonfs
