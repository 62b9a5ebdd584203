#include "fs/xattrs.h"

#include <gtest/gtest.h>

#include "tests/support/tree_of.h"

namespace betonfs {
namespace {

using test::BetonBuilder;
using test::Blob;
using test::Of;
using test::TreeOf;

// "none" where there is no such attribute.
std::string Xattr(const TreeOf& tree, std::string_view path, std::string_view name) {
  const auto value = XattrOf(*tree, tree.Find(path), "user.betonfs." + std::string(name));
  if (!value) return value.error().message;
  return value->value_or("none");
}

BetonBuilder RawPicture() {
  return BetonBuilder()
      .Field(FieldType::kRgbImage, "image")
      .Field(FieldType::kInt, "label")
      .Field(FieldType::kFloat, "score")
      .Sample({test::Rgb(2, 3, std::string(18, 'p')), test::Int(-4), test::Float(0.25)});
}

TEST(Xattrs, TellWhereTheBytesOfAPictureLie) {
  const std::string beton = RawPicture().Build();
  const TreeOf tree({beton}, Of(TreeKind::kFlat));
  const char* path = "00000000.ppm";
  EXPECT_EQ(Xattr(tree, path, "mode"), "raw");
  EXPECT_EQ(Xattr(tree, path, "width") + "x" + Xattr(tree, path, "height"), "2x3");
  EXPECT_EQ(Xattr(tree, path, "size"), "18");
  EXPECT_EQ(std::stoull(Xattr(tree, path, "offset")), beton.find(std::string(18, 'p')));
  EXPECT_EQ(std::stoull(Xattr(tree, path, "page")), beton.find(std::string(18, 'p')) / 4096);
  EXPECT_EQ(Xattr(tree, path, "file"), tree->shards().all()[0].dataset->path());
}

TEST(Xattrs, ScalarFieldsAreToldByName) {
  const TreeOf tree({RawPicture().Build()}, Of(TreeKind::kFlat));
  EXPECT_EQ(Xattr(tree, "00000000.ppm", "field"), "image");
  EXPECT_EQ(Xattr(tree, "00000000.ppm", "label"), "-4");
  EXPECT_EQ(Xattr(tree, "00000000.ppm", "score"), "0.25");
  EXPECT_EQ(Xattr(tree, "00000000.ppm", "image"), "none");  // a payload, and no number
}

TEST(Xattrs, WhatAFileHasNotIsNotThere) {
  const TreeOf tree({RawPicture().Build()}, Of(TreeKind::kSamples));
  const char* label = "000000.label.cls";
  EXPECT_EQ(Xattr(tree, label, "field"), "label");
  EXPECT_EQ(Xattr(tree, label, "offset"), "none");  // its bytes are not the file's
  EXPECT_EQ(Xattr(tree, label, "width"), "none");
  EXPECT_EQ(Xattr(tree, label, "xxh3"), "none");  // no index region, no checksum
  EXPECT_EQ(Xattr(tree, label, "nothing"), "none");
  const TreeOf bytes({BetonBuilder().Field(FieldType::kBytes, "b").Sample({Blob("x")}).Build()});
  EXPECT_EQ(Xattr(bytes, "00000000.bin", "width"), "none");
  EXPECT_EQ(Xattr(bytes, "00000000.bin", "size"), "1");
}

TEST(Xattrs, DirectoriesAndOtherNamespacesHaveNone) {
  const TreeOf tree({test::Named({"a/b"}).Build()});
  EXPECT_EQ(Xattr(tree, "a/b", "sample"), "0");
  EXPECT_EQ(Xattr(tree, "a", "sample"), "none");
  EXPECT_FALSE(*XattrOf(*tree, tree.Find("a/b"), "user.sample"));
  EXPECT_FALSE(*XattrOf(*tree, Ino::File(SampleIndex{1}, 0), "user.betonfs.sample"));
}

TEST(Xattrs, ADamagedSampleIsAnErrorAndNotAWrongNumber) {
  std::string beton = BetonBuilder().Field(FieldType::kBytes, "b").Sample({Blob("x")}).Build();
  test::Poke(beton, sizeof(RawHeader) + sizeof(RawFieldDescriptor), u64le(uint64_t{1} << 60));
  const TreeOf tree({beton}, Of(TreeKind::kFlat));
  const Ino file = Ino::File(SampleIndex{0}, 0);
  EXPECT_FALSE(XattrOf(*tree, file, "user.betonfs.offset"));
  EXPECT_EQ(**XattrOf(*tree, file, "user.betonfs.sample"), "0");
}

}  // namespace
}  // namespace betonfs
