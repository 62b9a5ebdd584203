#include "fs/info_document.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/tree_of.h"

namespace betonfs {
namespace {

using nlohmann::json;
using test::Labelled;
using test::Of;
using test::TreeOf;

json Info(const TreeOf& tree) {
  const auto document = InfoDocument(*tree);
  const auto info = json::parse(*document->Read(0, document->size_bytes()), nullptr, false);
  EXPECT_TRUE(info.is_object());
  return info;
}

TEST(InfoDocument, TellsTreeFieldsAndFiles) {
  const TreeOf tree({Labelled({1, 0}).Build(), Labelled({1}).Build()});
  const json info = Info(tree);
  EXPECT_EQ(info["tree"], "label");
  EXPECT_EQ(info["num_samples"], 3);
  EXPECT_EQ(info["main_field"], "data");
  EXPECT_EQ(info["label_field"], "label");
  ASSERT_EQ(info["files"].size(), 2u);
  EXPECT_EQ(info["files"][1]["first_sample"], 2);
  EXPECT_EQ(info["files"][1]["page_size_bytes"], 4096);
  EXPECT_EQ(info["files"][0]["stores_paths"], false);
}

TEST(InfoDocument, TellsTheShapeOfArrays) {
  const json info = Info(TreeOf({test::MixedBeton().Build()}, Of(TreeKind::kSamples)));
  bool found = false;
  for (const json& field : info["fields"]) {
    if (field["name"] != "vec") continue;
    found = true;
    EXPECT_EQ(field["shape"], json::array({2, 3}));
    EXPECT_EQ(field["dtype"], R"([["", "<f4"]])");
  }
  EXPECT_TRUE(found);
}

TEST(InfoDocument, SaysWhyStoredNamesAreNotUsed) {
  const std::string beton =
      test::Named({"a"}).EditTrailer([](RawTrailer& trailer) { trailer.num_samples = 7; }).Build();
  const json info = Info(TreeOf({beton}, Of(TreeKind::kFlat)));
  EXPECT_EQ(info["files"][0]["stores_paths"], false);
  EXPECT_TRUE(info["files"][0]["index_error"].is_string());
}

}  // namespace
}  // namespace betonfs
