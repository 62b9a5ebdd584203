#include "tools/unpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "core/page_writer.h"
#include "tests/support/beton_builder.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_dir.h"
#include "tools/exit_codes.h"

namespace betonfs::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

BetonBuilder NamedTree() {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data");
  for (const char* bytes : {"one", "two", "", "four"}) builder.Sample({Blob(bytes)});
  builder.Paths({"a/1.bin", "a/deep/2.bin", "b/empty", "root.bin"});
  return builder;
}

struct stat StatOf(const std::string& path) {
  struct stat result {};
  EXPECT_EQ(lstat(path.c_str(), &result), 0) << path;
  return result;
}

class UnpackTest : public testing::Test {
 protected:
  std::unique_ptr<TreeReader> Open(const BetonBuilder& builder) {
    auto reader = TreeReader::Open(dir_.Write("test.beton", builder.Build()));
    EXPECT_TRUE(reader) << reader.error().message;
    return std::move(*reader);
  }

  TempDir dir_;
  std::string out_ = dir_ / "out";
};

TEST_F(UnpackTest, RestoresEveryFile) {
  const auto reader = Open(NamedTree());
  const auto report = Unpack(*reader, out_, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->num_files, 4u);
  EXPECT_EQ(report->num_directories, 3u);
  EXPECT_EQ(report->size_bytes, 10u);
  EXPECT_EQ(ReadFile(out_ + "/a/1.bin"), "one");
  EXPECT_EQ(ReadFile(out_ + "/a/deep/2.bin"), "two");
  EXPECT_EQ(ReadFile(out_ + "/b/empty"), "");
  EXPECT_EQ(ReadFile(out_ + "/root.bin"), "four");
}

TEST_F(UnpackTest, RestoresModesAndTimesOfFilesAndDirectories) {
  BetonBuilder builder = NamedTree();
  builder.EditIndex([](HandIndex& index) {
    index.samples[0].mode = 0640;
    index.samples[0].mtime_s = 1'000'000'000;
    index.samples[0].mtime_ns = 123'456'789;
    for (RawDirectory& directory : index.directories) {
      directory.mode = 0555;  // not writable, and still filled
      directory.mtime_s = -5;
    }
  });
  const auto reader = Open(builder);
  ASSERT_TRUE(Unpack(*reader, out_, {}));
  const struct stat file = StatOf(out_ + "/a/1.bin");
  EXPECT_EQ(file.st_mode & 07777, 0640u);
  EXPECT_EQ(file.st_mtim.tv_sec, 1'000'000'000);
  EXPECT_EQ(file.st_mtim.tv_nsec, 123'456'789);
  for (const char* directory : {"", "/a", "/a/deep"}) {
    EXPECT_EQ(StatOf(out_ + directory).st_mode & 07777, 0555u);
    EXPECT_EQ(StatOf(out_ + directory).st_mtim.tv_sec, -5);
    chmod((out_ + directory).c_str(), 0755);
  }
}

TEST_F(UnpackTest, RefusesADirectoryThatIsNotEmpty) {
  const auto reader = Open(NamedTree());
  dir_.Write("out/mine", "precious");
  EXPECT_EQ(Unpack(*reader, out_, {}).error().kind, ErrorKind::kExists);
  EXPECT_EQ(ReadFile(out_ + "/mine"), "precious");
  EXPECT_FALSE(std::filesystem::exists(out_ + "/a"));
}

TEST_F(UnpackTest, ForceReplacesFilesAndKeepsOthers) {
  const auto reader = Open(NamedTree());
  dir_.Write("out/mine", "precious");
  dir_.Write("out/a/1.bin", "old and longer");
  const auto report = Unpack(*reader, out_, {.force = true});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(ReadFile(out_ + "/mine"), "precious");
  EXPECT_EQ(ReadFile(out_ + "/a/1.bin"), "one");
}

TEST_F(UnpackTest, NeverFollowsASymbolicLinkOutOfItsDirectory) {
  const auto reader = Open(NamedTree());
  dir_.Write("elsewhere/1.bin", "precious");
  std::filesystem::create_directory(out_);
  std::filesystem::create_symlink(dir_ / "elsewhere", out_ + "/a");
  std::filesystem::create_symlink(dir_ / "elsewhere/1.bin", out_ + "/root.bin");
  EXPECT_FALSE(Unpack(*reader, out_, {.force = true}));
  EXPECT_EQ(ReadFile(dir_ / "elsewhere/1.bin"), "precious");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "elsewhere/deep"));
}

TEST_F(UnpackTest, NamesADamagedSampleAndRestoresTheRest) {
  std::string file = NamedTree().Build();
  const size_t payload = file.find("two");
  ASSERT_NE(payload, std::string::npos);
  file[payload] = 'X';
  const auto reader = TreeReader::Open(dir_.Write("damaged.beton", file));
  ASSERT_TRUE(reader) << reader.error().message;
  std::vector<std::string> failed;
  UnpackOptions options;
  options.on_failure = [&](const std::string& path, const Error&) { failed.push_back(path); };
  const auto report = Unpack(**reader, out_, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(failed, ElementsAre("a/deep/2.bin"));
  EXPECT_EQ(report->num_failed, 1u);
  EXPECT_EQ(report->num_files, 3u);
  EXPECT_FALSE(std::filesystem::exists(out_ + "/a/deep/2.bin"));
}

TEST_F(UnpackTest, CountsEntriesThatAreTooDamagedToShow) {
  BetonBuilder builder = NamedTree();
  builder.EditIndex([](HandIndex& index) { index.names[0] = '/'; });
  const auto reader = Open(builder);
  const auto report = Unpack(*reader, out_, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(report->num_failed, 0u);
  EXPECT_GT(report->num_files, 0u);
}

TEST_F(UnpackTest, StopsWhenCancelled) {
  const auto reader = Open(NamedTree());
  const std::atomic<bool> cancel{true};
  const auto report = Unpack(*reader, out_, {.cancel = &cancel});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kCancelled);
}

TEST_F(UnpackTest, MoreFilesThanABatchOnSeveralThreads) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data");
  std::vector<std::string> paths;
  for (int i = 0; i < 1500; ++i) {
    builder.Sample({Blob(std::to_string(i))});
    paths.push_back((i < 1000 ? "big/" : "small/") + std::to_string(10'000 + i));
  }
  builder.Paths(paths);
  const auto reader = Open(builder);
  const auto report = Unpack(*reader, out_, {.num_threads = 4});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->num_files, 1500u);
  EXPECT_EQ(report->num_failed, 0u);
  for (int i = 0; i < 1500; ++i) {
    ASSERT_EQ(ReadFile(out_ + "/" + paths[static_cast<size_t>(i)]), std::to_string(i));
  }
}

TEST_F(UnpackTest, MadeUpNamesWork) {
  const auto reader = Open(MixedBeton());
  const auto report = Unpack(*reader, out_, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->num_failed, 0u);
  EXPECT_GE(report->num_files, 3u);
}

TEST_F(UnpackTest, TheCommandSaysWhatIsMissing) {
  std::string file = NamedTree().Build();
  file[file.find("one")] = 'X';
  const Ran ran = RunBetonfs({"unpack", dir_.Write("damaged.beton", file), out_});
  EXPECT_EQ(ran.exit_code, kExitDamage);
  EXPECT_THAT(ran.err, HasSubstr("not restored: a/1.bin"));
  EXPECT_THAT(ran.out, HasSubstr("3 files"));
  EXPECT_EQ(RunBetonfs({"unpack", dir_ / "damaged.beton", out_}).exit_code, kExitInTheWay);
  EXPECT_EQ(RunBetonfs({"unpack", dir_ / "damaged.beton", dir_ / "damaged.beton"}).exit_code,
            kExitUsage);
}

}  // namespace
}  // namespace betonfs::test
