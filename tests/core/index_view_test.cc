#include "core/index_view.h"

#include <gtest/gtest.h>

#include "core/dataset.h"
#include "tests/support/beton_builder.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::HandIndex;
using test::NamedBeton;
using test::TempDir;

class IndexViewTest : public testing::Test {
 protected:
  // The dataset stays open until the next call.
  const Dataset* Open(const std::string& file) {
    auto dataset = Dataset::Open(dir_.Write("d.beton", file));
    EXPECT_TRUE(dataset) << dataset.error().message;
    dataset_ = dataset ? std::move(*dataset) : nullptr;
    return dataset_.get();
  }
  const IndexView* View(const BetonBuilder& builder) {
    const Dataset* dataset = Open(builder.Build());
    EXPECT_EQ(dataset->index_error(), nullptr) << dataset->index_error()->message;
    return dataset->index();
  }
  const IndexView* Edited(std::function<void(HandIndex&)> edit) {
    return View(NamedBeton().EditIndex(std::move(edit)));
  }

 private:
  TempDir dir_;
  std::unique_ptr<Dataset> dataset_;
};

TEST_F(IndexViewTest, WalksDownAndUp) {
  const IndexView* view = View(NamedBeton());
  EXPECT_EQ(view->num_directories(), 4u);
  EXPECT_EQ(view->num_entries(), 7u);
  const auto root = view->DirectoryAt(kRootDir);
  ASSERT_TRUE(root);
  EXPECT_EQ(root->num_entries, 2u);
  EXPECT_EQ(root->mode, 0755);
  const auto cats = view->Find(*root, "cats");
  ASSERT_TRUE(cats && *cats);
  EXPECT_EQ(view->EntryAt(**cats)->kind, EntryKind::kDirectory);
  EXPECT_EQ(*view->PathOf(view->EntryAt(**cats)->directory()), "cats");
  EXPECT_EQ(*view->PathOf(kRootDir), "");
  EXPECT_EQ(*view->PathOf(SampleIndex{0}), "cats/a.jpg");
  EXPECT_EQ(*view->PathOf(SampleIndex{2}), "dogs/deep/c.jpg");
  EXPECT_EQ(view->SampleAt(SampleIndex{2})->size_bytes, 102u);
}

TEST_F(IndexViewTest, ResolvesEveryPathItGives) {
  const IndexView* view = View(NamedBeton());
  for (uint64_t s = 0; s < 4; ++s) {
    const auto entry = view->Resolve(*view->PathOf(SampleIndex{s}));
    ASSERT_TRUE(entry && *entry);
    EXPECT_EQ(Number(view->EntryAt(**entry)->sample()), s);
  }
  for (const char* path : {"", "cat", "cats/", "cats/z.jpg", "cats/a.jpg/x", "/cats", "dogs//deep",
                           "zebras", "../cats", "cats/."}) {
    const auto entry = view->Resolve(path);
    ASSERT_TRUE(entry) << path;
    EXPECT_FALSE(*entry) << path;
  }
}

TEST_F(IndexViewTest, FindsEveryNameOfALargeDirectoryAndNoOther) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data");
  std::vector<std::string> paths;
  for (int i = 0; i < 3000; ++i) {
    builder.Sample({test::Blob("x")});
    paths.push_back("d/" + std::to_string(i * 2));
  }
  const IndexView* view = View(builder.Paths(paths));
  for (int i = 0; i < 6000; ++i) {
    const auto entry = view->Resolve("d/" + std::to_string(i));
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->has_value(), i % 2 == 0) << i;
  }
}

TEST_F(IndexViewTest, AFileWithoutTrailerIsAPlainOne) {
  std::string file = NamedBeton().Build();
  const uint64_t table = test::Peek<RawHeader>(file, 0).alloc_table_offset;
  file[table - sizeof(RawTrailer)] ^= 1;
  const Dataset* dataset = Open(file);
  EXPECT_EQ(dataset->index(), nullptr);
  EXPECT_EQ(dataset->index_error(), nullptr);
}

TEST_F(IndexViewTest, ATrailerThatDoesNotFitTheFileIsAnErrorAndTheSamplesAreServed) {
  const std::function<void(RawTrailer&)> edits[] = {
      [](RawTrailer& t) { t.num_samples = 3; },
      [](RawTrailer& t) { t.alloc_table_offset = t.alloc_table_offset + 24; },
      [](RawTrailer& t) { t.file_size_bytes = 0; },
      [](RawTrailer& t) { t.num_sections = 4; },
      [](RawTrailer& t) { t.checksums_xxh3 = 0; },
  };
  for (const auto& edit : edits) {
    const Dataset* dataset = Open(NamedBeton().EditTrailer(edit).Build());
    EXPECT_EQ(dataset->index(), nullptr);
    ASSERT_NE(dataset->index_error(), nullptr);
    EXPECT_EQ(dataset->index_error()->kind, ErrorKind::kCorrupt);
    EXPECT_TRUE(dataset->PayloadOf(SampleIndex{3}, dataset->schema().fields()[0]));
  }
}

TEST_F(IndexViewTest, SectionsMustLieWhereTheFormatPutsThem) {
  for (size_t section = 0; section < kNumSections; ++section) {
    for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{4096}, ~uint64_t{0}}) {
      for (const bool size : {false, true}) {
        const Dataset* dataset =
            Open(NamedBeton()
                     .EditTrailer([&](RawTrailer& t) {
                       (size ? t.sections[section].size_bytes : t.sections[section].offset) = value;
                     })
                     .Build());
        EXPECT_EQ(dataset->index(), nullptr) << section << " " << value;
        EXPECT_NE(dataset->index_error(), nullptr) << section << " " << value;
      }
    }
  }
}

TEST_F(IndexViewTest, AnotherVersionIsNotRead) {
  const Dataset* dataset =
      Open(NamedBeton().EditTrailer([](RawTrailer& t) { t.version = 2; }).Build());
  ASSERT_NE(dataset->index_error(), nullptr);
  EXPECT_EQ(dataset->index_error()->kind, ErrorKind::kUnsupported);
}

TEST_F(IndexViewTest, NamesThatNoFileCanHaveAreRefused) {
  // Each has the five bytes of "a.jpg", and a right checksum.
  for (const std::string& name : {std::string("a/jpg"), std::string("a\0jpg", 5)}) {
    const IndexView* view =
        Edited([&](HandIndex& index) { index.names.replace(index.names.find("a.jpg"), 5, name); });
    EXPECT_EQ(view->PathOf(SampleIndex{0}).error().kind, ErrorKind::kCorrupt);
    EXPECT_TRUE(view->PathOf(SampleIndex{1})) << "damage is local";
    EXPECT_FALSE(view->VerifyAll().empty());
  }
  for (const uint16_t length : {uint16_t{0}, uint16_t{256}, uint16_t{65535}}) {
    const IndexView* view = Edited([&](HandIndex& index) {
      index.names += std::string(300, 'x');
      index.entries[2].name_size_bytes = length;
    });
    EXPECT_FALSE(view->EntryAt(EntryIndex{2})) << length;
  }
  for (const char* dots : {".", ".."}) {
    const IndexView* view = Edited([&](HandIndex& index) {
      index.entries[2].name_offset = index.names.size();
      index.entries[2].name_size_bytes = static_cast<uint16_t>(strlen(dots));
      index.names += dots;
    });
    EXPECT_FALSE(view->EntryAt(EntryIndex{2})) << dots;
  }
}

// Every number of every structure at its extremes: answers are errors or inside the file.
TEST_F(IndexViewTest, NoNumberLeadsOutside) {
  const auto use_all = [](const IndexView& view) {
    for (uint32_t d = 0; d < 5; ++d) {
      (void)view.PathOf(DirIndex{d});
      if (const auto directory = view.DirectoryAt(DirIndex{d})) {
        (void)view.Find(*directory, "c.jpg");
      }
    }
    for (uint64_t e = 0; e < 8; ++e) (void)view.PathOf(EntryIndex{e});
    for (uint64_t s = 0; s < 5; ++s) (void)view.PathOf(SampleIndex{s});
    (void)view.Resolve("dogs/deep/c.jpg");
  };
  using Setter = std::function<void(HandIndex&, uint64_t)>;
  const auto try_values = [&](const Setter& set) {
    for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{7}, ~uint64_t{0}}) {
      const IndexView* view = Edited([&](HandIndex& index) { set(index, value); });
      use_all(*view);
      (void)view->VerifyAll();
    }
  };
  for (size_t i = 0; i < 4; ++i) {
    try_values([i](auto& x, uint64_t v) { x.directories[i].first_entry = v; });
    try_values([i](auto& x, uint64_t v) { x.directories[i].num_entries = v; });
    try_values([i](auto& x, uint64_t v) { x.directories[i].own_entry = v; });
    try_values([i](auto& x, uint64_t v) { x.directories[i].parent = static_cast<uint32_t>(v); });
    try_values([i](auto& x, uint64_t v) { x.samples[i].entry = v; });
  }
  for (size_t i = 0; i < 7; ++i) {
    try_values([i](auto& x, uint64_t v) { x.entries[i].name_offset = v; });
    try_values(
        [i](auto& x, uint64_t v) { x.entries[i].name_size_bytes = static_cast<uint16_t>(v); });
    try_values([i](auto& x, uint64_t v) { x.entries[i].target = v; });
    try_values([i](auto& x, uint64_t v) { x.entries[i].parent = static_cast<uint32_t>(v); });
    try_values([i](auto& x, uint64_t v) { x.entries[i].kind = static_cast<uint8_t>(v); });
  }
}

TEST_F(IndexViewTest, ACycleOfDirectoriesIsAnErrorAndNotAHang) {
  const IndexView* view = Edited([](HandIndex& index) {
    // dogs (2) says it is in dogs/deep (3), which is in dogs.
    index.directories[2].parent = 3;
    index.entries[1].parent = 3;
  });
  EXPECT_EQ(view->PathOf(SampleIndex{2}).error().kind, ErrorKind::kCorrupt);
}

TEST_F(IndexViewTest, OneEntryLeadsToADirectoryAndNoOther) {
  // "cats" names the directory "dogs", whose own entry is another.
  const IndexView* view = Edited([](HandIndex& index) { index.entries[0].target = 2; });
  EXPECT_EQ(view->EntryAt(EntryIndex{0}).error().kind, ErrorKind::kCorrupt);
  EXPECT_TRUE(view->EntryAt(EntryIndex{1}));
}

TEST_F(IndexViewTest, AnEntryIsListedInItsOwnDirectoryAlone) {
  // The run of "cats" reaches into that of "dogs".
  const IndexView* view = Edited([](HandIndex& index) { index.directories[1].num_entries = 3; });
  const auto cats = view->DirectoryAt(DirIndex{1});
  ASSERT_TRUE(cats);
  EXPECT_TRUE(view->EntryIn(*cats, 1));
  EXPECT_EQ(view->EntryIn(*cats, 2).error().kind, ErrorKind::kCorrupt);
}

TEST_F(IndexViewTest, VerifyAllFindsWhatDoesNotPointBack) {
  const std::function<void(HandIndex&)> edits[] = {
      [](HandIndex& x) { std::swap(x.entries[2], x.entries[3]); },                // not sorted
      [](HandIndex& x) { x.entries[3].name_offset = x.entries[2].name_offset; },  // twice
      [](HandIndex& x) { x.entries[2].parent = 2; },
      [](HandIndex& x) { x.entries[2].target = 1; },
      [](HandIndex& x) { x.samples[0].entry = 3; },
      [](HandIndex& x) { x.directories[1].own_entry = 1; },
      [](HandIndex& x) { x.directories[1].num_entries = 1; },
      [](HandIndex& x) { x.directories[3].first_entry = 0; },
      [](HandIndex& x) { x.directories[3].parent = 1; },
      [](HandIndex& x) { x.names += "x"; },
      [](HandIndex& x) { x.entries[2].zero = 1; },
      [](HandIndex& x) { x.directories[2].mtime_ns = 1'000'000'000; },
      [](HandIndex& x) { x.samples[2].raw_view = 3; },
  };
  for (size_t i = 0; i < std::size(edits); ++i) {
    EXPECT_FALSE(Edited(edits[i])->VerifyAll().empty()) << i;
  }
}

TEST_F(IndexViewTest, DamageUnderAChecksumIsLocalToTheSectionItHits) {
  std::string file = NamedBeton().Build();
  file[file.find("dogs")] = 'D';
  const Dataset* dataset = Open(file);
  ASSERT_TRUE(dataset->index());
  EXPECT_EQ(dataset->index()->PathOf(SampleIndex{0}).error().kind, ErrorKind::kCorrupt);
  EXPECT_TRUE(dataset->index()->SampleAt(SampleIndex{0}));
  EXPECT_TRUE(dataset->PayloadOf(SampleIndex{0}, dataset->schema().fields()[0]));
}

}  // namespace
}  // namespace betonfs
