// Random operations on a staging area and on a model of it, with crashes, commits and power cuts.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <vector>

#include "core/dataset.h"
#include "tests/support/faulty_io.h"
#include "tests/support/staging.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::FaultyIo;
using test::Stage;
using test::TempDir;

constexpr int kDefaultSteps = 3000;

int NumSteps() {
  const char* steps = std::getenv("BETONFS_MODEL_STEPS");
  return steps ? std::atoi(steps) : kDefaultSteps;
}

// A flat model: path -> contents for files; directories are "d0" .. "d3" and the root.
class Model {
 public:
  Model(Stage& stage, uint32_t seed) : stage_(stage), random_(seed) {
    for (int i = 0; i < 4; ++i) stage_.MakeDirectories("d" + std::to_string(i));
  }

  void Step() {
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
      case 3:
        return Put();
      case 4:
      case 5:
        return Overwrite();
      case 6:
        return Truncate();
      case 7:
        return Remove();
      case 8:
      case 9:
        return Rename();
      case 10:
        return Append();
      default:
        return CompareOne();
    }
  }

  void CompareAll() {
    std::map<std::string, std::string> expected = files_;
    for (int i = 0; i < 4; ++i) expected["d" + std::to_string(i)] = "/";
    const auto found = stage_.Everything();
    ASSERT_EQ(found.size(), expected.size());
    for (const auto& [path, contents] : expected) {
      const auto entry = found.find(path);
      ASSERT_TRUE(entry != found.end()) << path;
      ASSERT_TRUE(entry->second == contents) << path << ": contents differ";
    }
  }

  const std::map<std::string, std::string>& files() const { return files_; }
  std::mt19937& random() { return random_; }

 private:
  std::string NewPath() {
    const uint64_t dir = random_() % 5;
    const std::string name = "f" + std::to_string(random_() % 12);
    return dir == 4 ? name : "d" + std::to_string(dir) + "/" + name;
  }
  std::string OldPath() {
    if (files_.empty()) Put();
    auto file = files_.begin();
    std::advance(file, random_() % files_.size());
    return file->first;
  }
  std::string Data() {
    constexpr uint64_t kSizes[] = {0, 1, 100, 4096, 12'000, 70'000, 300'000, 1'200'000};
    std::string data(kSizes[random_() % std::size(kSizes)], '\0');
    const auto first = static_cast<char>(random_());
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(first + i * 7 + i / 251);
    return data;
  }

  void Put() {
    const std::string path = NewPath();
    const std::string data = Data();
    stage_.Put(path, data, 1 + random_() % 200'000);
    files_[path] = data;
  }

  // Opens without truncating, writes somewhere, closes.
  void WriteAt(const std::string& path, uint64_t offset, const std::string& data) {
    const StageIno ino = stage_.Find(path);
    ASSERT_TRUE(stage_.area().OpenForWriting(ino, false));
    if (!data.empty()) {
      ASSERT_TRUE(stage_.area().Write(ino, offset, AsBytes(data)));
    }
    ASSERT_TRUE(stage_.area().Flush(ino));
    ASSERT_TRUE(stage_.area().Release(ino));
    std::string& contents = files_[path];
    if (data.empty()) return;
    if (contents.size() < offset + data.size()) contents.resize(offset + data.size(), '\0');
    contents.replace(offset, data.size(), data);
  }
  void Overwrite() {
    const std::string path = OldPath();
    WriteAt(path, random_() % (files_[path].size() + 5000), Data().substr(0, 9000));
  }
  void Append() {
    const std::string path = OldPath();
    WriteAt(path, files_[path].size(), Data().substr(0, 9000));
  }
  void Truncate() {
    const std::string path = OldPath();
    StageChanges changes;
    changes.size_bytes = random_() % (files_[path].size() + 3000);
    ASSERT_TRUE(stage_.area().SetAttr(stage_.Find(path), changes));
    files_[path].resize(*changes.size_bytes, '\0');
  }
  void Remove() {
    const std::string path = OldPath();
    stage_.Remove(path);
    files_.erase(path);
  }
  void Rename() {
    const std::string from = OldPath();
    const std::string to = NewPath();
    if (from == to) return;
    const auto split = [&](const std::string& path) {
      const size_t slash = path.rfind('/');
      return slash == std::string::npos
                 ? std::make_pair(kStageRoot, path)
                 : std::make_pair(stage_.Find(path.substr(0, slash)), path.substr(slash + 1));
    };
    const auto [from_dir, from_name] = split(from);
    const auto [to_dir, to_name] = split(to);
    ASSERT_TRUE(stage_.area().Rename(from_dir, from_name, to_dir, to_name, true));
    files_[to] = std::move(files_[from]);
    files_.erase(from);
  }
  void CompareOne() {
    const std::string path = OldPath();
    ASSERT_TRUE(stage_.Contents(path) == files_[path]) << path;
  }

  Stage& stage_;
  std::mt19937 random_;
  std::map<std::string, std::string> files_;
};

// The dataset, its structures sound and with the model's files in it.
void CompareDataset(const std::string& path, const std::map<std::string, std::string>& files) {
  const auto dataset = Dataset::Open(path);
  ASSERT_TRUE(dataset) << dataset.error().message;
  for (const Error& error : (*dataset)->index()->VerifyAll()) ADD_FAILURE() << error.message;
  ASSERT_EQ((*dataset)->num_samples(), files.size());
  const Field& field = (*dataset)->schema().payload_field(0);
  for (uint64_t i = 0; i < files.size(); ++i) {
    const auto name = (*dataset)->index()->PathOf(SampleIndex{i});
    const auto payload = (*dataset)->PayloadOf(SampleIndex{i}, field);
    ASSERT_TRUE(name && payload);
    ASSERT_TRUE(files.contains(*name)) << *name;
    ASSERT_TRUE(AsText(payload->bytes) == files.at(*name)) << *name;
  }
}

CommitOptions AnyWay(uint64_t number) {
  CommitOptions options;
  options.plan.labels.mode = LabelChoice::Mode::kNone;
  constexpr CommitOptions::Compact kWays[] = {CommitOptions::Compact::kAuto,
                                              CommitOptions::Compact::kNever,
                                              CommitOptions::Compact::kAlways};
  options.compact = kWays[number % 3];
  if (number % 7 == 0) options.shuffle_seed = number;
  return options;
}

TEST(StagingModel, BehavesLikeItThroughRestartsAndCommits) {
  TempDir dir;
  const std::string path = dir / "out.beton";
  Stage stage(path);
  Model model(stage, 1);
  for (int step = 0; step < NumSteps() && !testing::Test::HasFatalFailure(); ++step) {
    model.Step();
    if (step % 150 == 149) {
      stage.Reopen();
      model.CompareAll();
    }
    if (step % 400 == 399) {
      stage.Commit(AnyWay(model.random()()));
      model.CompareAll();
      CompareDataset(path, model.files());
    }
  }
}

// After fsync nothing is lost; what was closed since is there or, being unsynced, reported.
TEST(StagingModel, WhatWasSyncedSurvivesPowerCuts) {
  for (uint32_t seed = 0; seed < 25 && !testing::Test::HasFatalFailure(); ++seed) {
    TempDir dir;
    FaultyIo io;
    Stage stage(dir / "out.beton", &io);
    Model model(stage, seed);
    for (int step = 0; step < 60; ++step) model.Step();
    if (seed % 3 == 0) stage.Commit(AnyWay(seed));
    ASSERT_TRUE(stage.area().SyncAll());
    const auto synced = model.files();
    // Made after the sync, beside what is there.
    for (int i = 0; i < 10; ++i) stage.Put("later/" + std::to_string(i), std::string(5000, 'x'));
    stage.Close();
    io.CutPower(seed);
    test::ForgetBoot(dir / "out.beton.stage");
    stage.Reopen();
    const auto found = stage.Everything();
    for (const auto& [path, contents] : synced) {
      ASSERT_TRUE(found.contains(path)) << path;
      ASSERT_TRUE(found.at(path) == contents) << path;
    }
    for (const auto& [path, contents] : found) {
      if (!path.starts_with("later/")) continue;
      ASSERT_TRUE(contents == std::string(5000, 'x') || contents.empty()) << path;
    }
  }
}

TEST(StagingModel, AFullDiskLosesNothingThatWasClosed) {
  TempDir dir;
  FaultyIo io;
  Stage stage(dir / "out.beton", &io);
  stage.Put("before", "closed");
  io.SetFull(true);
  const auto made = stage.area().Create(kStageRoot, "during", 0644, true);
  ASSERT_TRUE(made);
  ASSERT_TRUE(stage.area().Write(made->ino, 0, AsBytes("not stored")));
  const Status flushed = stage.area().Flush(made->ino);
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().sys_errno, ENOSPC);
  io.SetFull(false);
  ASSERT_TRUE(stage.area().Flush(made->ino));  // there is room again
  ASSERT_TRUE(stage.area().Release(made->ino));
  stage.Reopen();
  EXPECT_EQ(stage.Contents("before"), "closed");
  EXPECT_EQ(stage.Contents("during"), "not stored");
}

}  // namespace
}  // namespace betonfs
