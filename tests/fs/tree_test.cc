// Which names a mount shows, for every kind of tree, and the way back from each name.
#include "fs/tree.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/tree_of.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::Blob;
using test::Int;
using test::Labelled;
using test::Named;
using test::Of;
using test::TreeOf;

using Paths = std::vector<std::string>;

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

}  // namespace
}  // namespace betonfs
