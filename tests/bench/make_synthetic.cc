// betonfs_make_synthetic FILE --samples N: a dataset of any size out of thin air, through the same
// writer as every other, for benchmarks and tests of large mounts.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "core/dataset_writer.h"
#include "core/parallel.h"
#include "tests/support/synthetic_source.h"

int main(int argc, char** argv) {
  CLI::App app{"Makes a .beton file of synthetic samples: d<directory>/<sample>.bin"};
  std::string target;
  betonfs::test::SyntheticOptions options{.num_samples = 1'000'000, .num_directories = 1000};
  uint64_t min_size = 16;
  uint64_t max_size = 16;
  app.add_option("FILE", target, "The file to make; replaced if it exists")->required();
  app.add_option("--samples", options.num_samples);
  app.add_option("--directories", options.num_directories)->check(CLI::PositiveNumber);
  app.add_option("--min-size", min_size, "Bytes of the smallest sample");
  app.add_option("--max-size", max_size, "Bytes of the largest; sizes are spread evenly between");
  CLI11_PARSE(app, argc, argv);

  options.size_of = [=](uint64_t sample) {
    const uint64_t spread = max_size > min_size ? max_size - min_size + 1 : 1;
    return min_size + sample * 2654435761u % spread;
  };
  betonfs::test::SyntheticSource source(options);
  const auto written =
      betonfs::WriteDataset(target, source,
                            {.existing = betonfs::ReplacementFile::Existing::kReplace,
                             .write = {.num_threads = betonfs::DefaultNumThreads()}});
  if (!written) {
    std::fprintf(stderr, "%s\n", written.error().message.c_str());
    return 1;
  }
  std::printf("%s: %llu samples, %llu bytes\n", target.c_str(),
              static_cast<unsigned long long>(options.num_samples),
              static_cast<unsigned long long>(written->file_size_bytes));
  return 0;
}
