// Which names a mount shows, for every kind of tree, and the way back from each name.
#include "fs/tree.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "fs/control_files.h"
#include "fs/document.h"
#include "fs/manifests.h"
#include "tests/support/beton_builder.h"
#include "tests/support/temp_dir.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::Blob;
using test::Int;

// Files on disk and the tree over them.
class TreeOf {
 public:
  explicit TreeOf(const std::vector<std::string>& betons, TreeOptions options = {}) {
    std::vector<std::string> paths;
    for (const std::string& beton : betons) {
      paths.push_back(dir_.Write("file" + std::to_string(paths.size()) + ".beton", beton));
    }
    auto shards = Shards::Open(paths);
    if (!shards) {
      error_ = shards.error().message;
      return;
    }
    shards_ = std::move(*shards);
    auto tree = Tree::Make(*shards_, options);
    if (tree) {
      tree_ = std::move(*tree);
    } else {
      error_ = tree.error().message;
    }
  }

  const Tree& operator*() const { return *tree_; }
  const Tree* operator->() const { return tree_.get(); }
  const std::string& error() const { return error_; }

  // All paths, depth first, each checked to lead back to the inode it was listed with.
  std::vector<std::string> Paths() const {
    std::vector<std::string> paths;
    Walk(Ino::Root(), "", paths);
    return paths;
  }
  std::string Contents(std::string_view path) const {
    Ino ino = Ino::Root();
    while (!path.empty()) {
      const size_t slash = std::min(path.find('/'), path.size());
      const auto found = tree_->Lookup(ino, path.substr(0, slash));
      if (!found || !*found) return "no such file";
      ino = **found;
      path.remove_prefix(std::min(slash + 1, path.size()));
    }
    const auto contents = tree_->Contents(ino);
    if (!contents) return contents.error().message;
    return std::string(AsText(contents->header())) + std::string(AsText(contents->payload()));
  }
  // Read in odd parts, as a reader that seeks would, and compared with the whole.
  std::string Document(std::string_view name, size_t part = 7) const {
    ControlFiles control(*tree_);
    AddManifests(control, *tree_);
    const auto found = control.Lookup(ControlFiles::Directory(), name);
    if (!found || !*found) return "no such document";
    std::string text;
    while (text.size() < (*found)->attributes.size_bytes) {
      text += *control.Read((*found)->ino, text.size(), part);
    }
    EXPECT_EQ(text, *control.Read((*found)->ino, 0, 1 << 20));
    return text;
  }

 private:
  void Walk(Ino directory, const std::string& prefix, std::vector<std::string>& paths) const {
    uint64_t cursor = 0;
    for (bool more = true; more;) {  // one entry a time, so that cursors are tested too
      more = false;
      std::string path;
      Ino child(0);
      ASSERT_TRUE(
          tree_->List(directory, cursor, [&](std::string_view name, Ino ino, uint64_t next) {
            if (more) return false;
            more = true;
            cursor = next;
            child = ino;
            path = prefix + std::string(name);
            const auto found = tree_->Lookup(directory, name);
            EXPECT_TRUE(found && *found && **found == ino) << path;
            return true;
          }));
      if (!more) return;
      EXPECT_TRUE(tree_->AttributesOf(child)) << path;
      if (child.is_file()) {
        EXPECT_EQ(*tree_->PathOf(child), path);
        EXPECT_EQ(tree_->AttributesOf(child)->size_bytes, tree_->Contents(child)->size_bytes());
        paths.push_back(path);
      } else {
        EXPECT_EQ(*tree_->ParentOf(child), directory) << path;
        Walk(child, path + "/", paths);
      }
    }
  }

  test::TempDir dir_;
  std::string error_;
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<Tree> tree_;
};

using Paths = std::vector<std::string>;

TreeOptions Of(TreeKind kind) {
  TreeOptions options;
  options.kind = kind;
  return options;
}

BetonBuilder Labelled(const std::vector<int64_t>& labels) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data").Field(FieldType::kInt, "label");
  for (size_t i = 0; i < labels.size(); ++i) {
    builder.Sample({Blob("sample " + std::to_string(i)), Int(labels[i])});
  }
  return builder;
}

BetonBuilder Named(const std::vector<std::string>& paths) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data").Paths(paths);
  for (const std::string& path : paths) builder.Sample({Blob("contents of " + path)});
  return builder;
}

TEST(Tree, AutoTakesWhatFitsTheFields) {
  EXPECT_EQ(TreeOf({Named({"a"}).Build()})->kind(), TreeKind::kPaths);
  EXPECT_EQ(TreeOf({Labelled({1}).Build()})->kind(), TreeKind::kLabel);
  EXPECT_EQ(
      TreeOf({BetonBuilder().Field(FieldType::kBytes, "b").Sample({Blob("x")}).Build()})->kind(),
      TreeKind::kFlat);
  EXPECT_EQ(TreeOf({test::MixedBeton().Build()})->kind(), TreeKind::kSamples);
}

TEST(PathsTree, ShowsTheStoredNames) {
  const Paths paths = {"a/b/c.bin", "a/d.bin", "e.bin", "z z/\n.bin"};
  const TreeOf tree({Named(paths).Build()});
  EXPECT_EQ(tree.Paths(), paths);
  EXPECT_EQ(tree.Contents("a/d.bin"), "contents of a/d.bin");
}

TEST(PathsTree, ADamagedIndexIsRefusedWithTheWayOut) {
  const std::string beton =
      Named({"a"}).EditTrailer([](RawTrailer& trailer) { trailer.num_samples = 7; }).Build();
  for (const TreeKind kind : {TreeKind::kAuto, TreeKind::kPaths}) {
    EXPECT_NE(TreeOf({beton}, Of(kind)).error().find("-o tree=flat"), std::string::npos);
  }
  EXPECT_EQ(TreeOf({beton}, Of(TreeKind::kFlat)).Paths(), Paths{"00000000.bin"});
}

TEST(PathsTree, NeedsStoredNames) {
  EXPECT_NE(TreeOf({Labelled({1}).Build()}, Of(TreeKind::kPaths)).error().find("stores no paths"),
            std::string::npos);
}

TEST(PathsTree, AnEntryThatNamesAnotherOnesDirectoryLeadsNowhere) {
  const TreeOf tree({Named({"a/x", "b/y"})
                         .EditIndex([](test::HandIndex& index) {
                           for (RawEntry& entry : index.entries) {
                             if (entry.kind == uint8_t(EntryKind::kDirectory)) entry.target = 1;
                           }
                         })
                         .Build()});
  EXPECT_FALSE(tree->Lookup(Ino::Root(), "b"));
  EXPECT_TRUE(tree->Lookup(Ino::Root(), "a"));
}

TEST(SamplesTree, ShowsEveryFieldUnderItsName) {
  const TreeOf tree({test::MixedBeton().Build()}, Of(TreeKind::kSamples));
  const Paths paths = tree.Paths();
  EXPECT_EQ(paths.size(), 3 * tree->shards().schema().fields().size());
  for (const std::string& path : paths) EXPECT_EQ(path.find("00000"), 0u) << path;
}

TEST(SamplesTree, ALonePayloadNeedsNoFieldName) {
  EXPECT_EQ(TreeOf({Labelled({7}).Build()}, Of(TreeKind::kSamples)).Paths(),
            (Paths{"000000.bin", "000000.label.cls"}));
}

TEST(SamplesTree, FieldNamesThatCannotBeFileNamesAreMadeSo) {
  const TreeOf tree({BetonBuilder()
                         .Field(FieldType::kBytes, "a/b")
                         .Field(FieldType::kBytes, "a_b")
                         .Field(FieldType::kInt, "")
                         .Sample({Blob("1"), Blob("2"), Int(3)})
                         .Build()},
                    Of(TreeKind::kSamples));
  EXPECT_EQ(tree.Paths(), (Paths{"000000.a_b.bin", "000000.a_b_1.bin", "000000.field2.cls"}));
}

TEST(FlatTree, NamesHaveAsManyDigitsForAll) {
  const TreeOf tree({Labelled({1, 2}).Build()}, Of(TreeKind::kFlat));
  EXPECT_EQ(tree.Paths(), (Paths{"00000000.bin", "00000001.bin"}));
  for (const char* name : {"1.bin", "0000000001.bin", "00000002.bin", "00000001.jpg", "00000001",
                           "+0000001.bin", "0000 001.bin"}) {
    EXPECT_FALSE(*tree->Lookup(Ino::Root(), name)) << name;
  }
}

TEST(FlatTree, ShowsTheFieldThatIsAskedFor) {
  TreeOptions options = Of(TreeKind::kFlat);
  options.field = "label";
  const TreeOf tree({Labelled({42}).Build()}, options);
  EXPECT_EQ(tree.Contents("00000000.cls").substr(0, 2), "42");
  options.field = "nothing";
  EXPECT_NE(TreeOf({Labelled({1}).Build()}, options).error().find("no field 'nothing'"),
            std::string::npos);
}

TEST(LabelTree, SortsSamplesIntoClassesWhoseOrderIsThatOfTheLabels) {
  const TreeOf tree({Labelled({10, 2, 10, 0}).Build()});
  EXPECT_EQ(tree.Paths(),
            (Paths{"00/00000003.bin", "02/00000001.bin", "10/00000000.bin", "10/00000002.bin"}));
  EXPECT_EQ(tree.Contents("10/00000002.bin"), "sample 2");
  EXPECT_EQ(tree.Contents("02/00000002.bin"), "no such file");
  EXPECT_EQ(tree.Contents("2/00000001.bin"), "no such file");
  EXPECT_EQ(tree.Document("classes.txt"), "00\t0\n02\t2\n10\t10\n");
}

TEST(LabelTree, NegativeLabelsAreNamedByRank) {
  const TreeOf tree({Labelled({5, -3, -3}).Build()});
  EXPECT_EQ(tree.Paths(), (Paths{"0/00000001.bin", "0/00000002.bin", "1/00000000.bin"}));
  EXPECT_EQ(tree.Document("classes.txt"), "0\t-3\n1\t5\n");
}

TEST(LabelTree, TakesTheExtremes) {
  const int64_t most = INT64_MAX, least = INT64_MIN;
  EXPECT_EQ(TreeOf({Labelled({most}).Build()}).Paths(),
            (Paths{"9223372036854775807/00000000.bin"}));
  EXPECT_EQ(TreeOf({Labelled({least, most}).Build()}).Paths(),
            (Paths{"0/00000000.bin", "1/00000001.bin"}));
  EXPECT_EQ(TreeOf({Labelled({}).Build()}, Of(TreeKind::kLabel)).Paths(), Paths{});
}

TreeOptions WithClasses(std::vector<std::string> classes) {
  TreeOptions options = Of(TreeKind::kLabel);
  options.classes = std::move(classes);
  options.classes_path = "classes.txt";
  return options;
}

TEST(LabelTree, TakesTheNamesOfAFile) {
  const TreeOf tree({Labelled({1, 0, 1}).Build()}, WithClasses({"cat", "dog", "emu"}));
  EXPECT_EQ(tree.Paths(), (Paths{"cat/00000001.bin", "dog/00000000.bin", "dog/00000002.bin"}));
  EXPECT_EQ(tree.Document("classes.txt"), "cat\t0\ndog\t1\n");
}

TEST(LabelTree, RefusesNamesThatWouldChangeTheLabels) {
  const std::string beton = Labelled({1, 0}).Build();
  EXPECT_NE(TreeOf({beton}, WithClasses({"dog", "cat"})).error().find("classes.txt:2: 'cat'"),
            std::string::npos);
  TreeOptions unsorted = WithClasses({"dog", "cat"});
  unsorted.classes_unsorted = true;
  EXPECT_EQ(TreeOf({beton}, unsorted).Contents("dog/00000001.bin"), "sample 1");
  for (const auto& [name, what] : std::vector<std::pair<std::string, std::string>>{
           {"a", "there twice"}, {"", "cannot be"}, {"a/b", "cannot be"}, {"..", "cannot be"}}) {
    EXPECT_NE(TreeOf({beton}, WithClasses({"a", name})).error().find(what), std::string::npos);
  }
  EXPECT_NE(TreeOf({beton}, WithClasses({"a"})).error().find("label 1"), std::string::npos);
}

TEST(LabelTree, NeedsAnIntField) {
  TreeOptions options = Of(TreeKind::kLabel);
  options.label = "data";
  EXPECT_NE(TreeOf({Labelled({1}).Build()}, options).error().find("not int"), std::string::npos);
  const std::string bytes = BetonBuilder().Field(FieldType::kBytes, "b").Sample({Blob("")}).Build();
  EXPECT_NE(TreeOf({bytes}, Of(TreeKind::kLabel)).error().find("-o label="), std::string::npos);
}

TEST(Shards, AreNumberedAsOne) {
  const TreeOf tree({Labelled({1, 0}).Build(), Labelled({1}).Build()});
  EXPECT_EQ(tree.Paths(), (Paths{"0/00000001.bin", "1/00000000.bin", "1/00000002.bin"}));
  EXPECT_EQ(tree.Contents("1/00000002.bin"), "sample 0");
}

TEST(Shards, MustHaveTheSameFields) {
  EXPECT_NE(TreeOf({Labelled({1}).Build(), Named({"a"}).Build()}).error().find("its fields"),
            std::string::npos);
}

TEST(MergedTree, DirectoriesOfOnePathAreOne) {
  const TreeOf tree({Named({"a/1", "a/5", "b/1", "c/x/1", "only/here/1"}).Build(),
                     Named({"a/3", "b/2", "c/x/2", "d/1"}).Build(), Named({"a/2", "e"}).Build()});
  EXPECT_EQ(tree.Paths(), (Paths{"a/1", "a/2", "a/3", "a/5", "b/1", "b/2", "c/x/1", "c/x/2", "d/1",
                                 "e", "only/here/1"}));
  EXPECT_EQ(tree.Contents("a/3"), "contents of a/3");
  EXPECT_EQ(tree.Contents("a/4"), "no such file");
}

TEST(MergedTree, ASplitSortedTreeNeedsNoMerging) {
  const TreeOf tree({Named({"c", "d/1"}).Build(), Named({"a", "b/1"}).Build()});
  EXPECT_EQ(tree.Paths(), (Paths{"a", "b/1", "c", "d/1"}));
}

TEST(MergedTree, TwoFilesOfOnePathAreRefusedWithBothNamed) {
  for (const auto& [mine, theirs] :
       std::vector<std::pair<std::string, std::string>>{{"a/x", "a/x"}, {"a", "a/x"}}) {
    const TreeOf tree({Named({mine}).Build(), Named({theirs}).Build()});
    EXPECT_NE(tree.error().find("file0.beton"), std::string::npos) << tree.error();
    EXPECT_NE(tree.error().find("file1.beton"), std::string::npos) << tree.error();
  }
}

TEST(ShardDirsTree, GivesEachFileItsDirectory) {
  TreeOptions options;
  options.shards_as_directories = true;
  EXPECT_EQ(TreeOf({Named({"a/x"}).Build(), Named({"a/x", "b"}).Build()}, options).Paths(),
            (Paths{"file0/a/x", "file1/a/x", "file1/b"}));
  options.kind = TreeKind::kLabel;
  const TreeOf labels({Labelled({0}).Build(), Labelled({5, 0}).Build()}, options);
  EXPECT_EQ(labels.Paths(),
            (Paths{"file0/0/00000000.bin", "file1/0/00000001.bin", "file1/5/00000000.bin"}));
  EXPECT_EQ(labels.Contents("file1/5/00000000.bin"), "sample 0");
}

TEST(Manifests, ListEverySampleWithItsLabel) {
  const TreeOf tree({Labelled({1, 0}).Build()});
  EXPECT_EQ(tree.Document("files.txt"), "1/00000000.bin\n0/00000001.bin\n");
  EXPECT_EQ(tree.Document("file_list.txt"), "1/00000000.bin 1\n0/00000001.bin 0\n");
  EXPECT_EQ(tree.Document("metadata.jsonl"),
            "{\"file_name\":\"1/00000000.bin\",\"label\":1}\n"
            "{\"file_name\":\"0/00000001.bin\",\"label\":0}\n");
}

BetonBuilder WithJson(const std::string& json) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data")
      .Field(FieldType::kJson, "info")
      .Field(FieldType::kFloat, "score");
  return builder.Sample({Blob("x"), test::JsonText(json), test::Float(0.5)});
}

TEST(Manifests, MetadataHoldsScalarsAndJson) {
  EXPECT_EQ(TreeOf({WithJson("{\"a\":\n[1, 2.50]}").Build()}, Of(TreeKind::kFlat))
                .Document("metadata.jsonl"),
            "{\"file_name\":\"00000000.bin\",\"info\":{\"a\": [1, 2.50]},\"score\":0.5}\n");
  EXPECT_EQ(TreeOf({WithJson("no JSON").Build()}, Of(TreeKind::kFlat)).Document("metadata.jsonl"),
            "{\"file_name\":\"00000000.bin\",\"score\":0.5}\n");
}

TEST(Manifests, JsonOfAnyDepthIsHandedOn) {
  const std::string deep(200'000, '[');
  const std::string json = deep + std::string(deep.size(), ']');
  const std::string line =
      TreeOf({WithJson(json).Build()}, Of(TreeKind::kFlat)).Document("metadata.jsonl", 1 << 20);
  EXPECT_EQ(line.find(json), std::string("{\"file_name\":\"00000000.bin\",\"info\":").size());
}

TEST(Manifests, APathWithANewlineStaysOnItsLine) {
  const TreeOf tree({Named({"a\nb"}).Build()});
  EXPECT_EQ(tree.Document("files.txt"), "a\\nb\n");
  EXPECT_EQ(tree.Document("classes.txt"), "no such document");
}

TEST(Manifests, SamplesTsvSaysWhereTheBytesLie) {
  const std::string beton = Labelled({4}).Build();
  const TreeOf tree({beton});
  const std::string text = tree.Document("samples.tsv");
  const std::string line = text.substr(text.find('\n') + 1);
  EXPECT_EQ(line.substr(0, line.find("/tmp")), "0\t4/00000000.bin\t8\t");
  EXPECT_EQ(line.substr(line.size() - 3), "\t4\n");
}

TEST(LineDocument, IsSeekable) {
  const auto document = LineDocument(5000, [](uint64_t i, std::string& out) -> Status {
    out += std::to_string(i) + "\n";
    return {};
  });
  ASSERT_TRUE(document);
  std::string whole;
  for (int i = 0; i < 5000; ++i) whole += std::to_string(i) + "\n";
  EXPECT_EQ((*document)->size_bytes(), whole.size());
  for (size_t offset = 0; offset <= whole.size(); offset += 997) {
    EXPECT_EQ(*(*document)->Read(offset, 100), whole.substr(offset, 100));
  }
  EXPECT_EQ(*(*document)->Read(whole.size() + 1, 100), "");
}

}  // namespace
}  // namespace betonfs
