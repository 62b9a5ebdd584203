// The lists of samples in `.betonfs`.
#include "fs/manifests.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/support/tree_of.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::Blob;
using test::Labelled;
using test::Named;
using test::Of;
using test::TreeOf;

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
  EXPECT_EQ(line.substr(0, line.find("\t/") + 1), "0\t4/00000000.bin\t8\t");
  EXPECT_EQ(line.substr(line.size() - 3), "\t4\n");
}

// Numbers that JSON has no word for, and bytes that are no UTF-8.
TEST(Manifests, MetadataIsJsonWhateverTheFieldsHold) {
  const TreeOf tree({BetonBuilder()
                         .Field(FieldType::kBytes, "data")
                         .Field(FieldType::kFloat, "score")
                         .Paths({"caf\xE9"})
                         .Sample({Blob("x"), test::Float(std::numeric_limits<double>::infinity())})
                         .Build()});
  EXPECT_EQ(tree.Document("metadata.jsonl"),
            "{\"file_name\":\"caf\xEF\xBF\xBD\",\"score\":null}\n");
}

TEST(Manifests, AFieldThatIsCalledAsAKeyOfOursDoesNotReplaceIt) {
  const TreeOf tree({BetonBuilder()
                         .Field(FieldType::kBytes, "data")
                         .Field(FieldType::kInt, "label")
                         .Field(FieldType::kInt, "file_name")
                         .Sample({Blob("x"), test::Int(3), test::Int(7)})
                         .Build()},
                    Of(TreeKind::kFlat));
  EXPECT_EQ(tree.Document("metadata.jsonl"), "{\"file_name\":\"00000000.bin\",\"label\":3}\n");
}

TEST(Manifests, ASampleTooDamagedForItsLineHasNone) {
  std::string beton = Labelled({4, 5}).Build();
  const uint64_t rows = sizeof(RawHeader) + 2 * sizeof(RawFieldDescriptor);
  test::Poke(beton, rows, u64le(uint64_t{1} << 60));  // where the first payload lies
  const TreeOf tree({beton}, Of(TreeKind::kFlat));
  const std::string text = tree.Document("samples.tsv");
  EXPECT_EQ(text.find("\n0\t"), std::string::npos) << text;
  EXPECT_NE(text.find("\n1\t00000001.bin\t8\t"), std::string::npos) << text;
}

TEST(Manifests, ClassesOfNestedDirectoriesAreThoseAtTheTop) {
  const TreeOf tree({BetonBuilder()
                         .Field(FieldType::kBytes, "data")
                         .Field(FieldType::kInt, "label")
                         .Paths({"cat/deep/er/1", "dog/1"})
                         .Sample({Blob("c"), test::Int(0)})
                         .Sample({Blob("d"), test::Int(1)})
                         .Build()});
  EXPECT_EQ(tree.Document("classes.txt"), "cat\t0\ndog\t1\n");
}

TEST(Manifests, ClassesOfAFlatTreeAreItsLabels) {
  const TreeOf tree({Labelled({7, -1, 7}).Build()}, Of(TreeKind::kFlat));
  EXPECT_EQ(tree.Document("classes.txt"), "-1\t-1\n7\t7\n");
}

}  // namespace
}  // namespace betonfs
