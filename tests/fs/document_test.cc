#include "fs/document.h"

#include <gtest/gtest.h>

namespace betonfs {
namespace {

TEST(TextDocument, IsReadInAnyParts) {
  const auto document = TextDocument("hello\n");
  EXPECT_EQ(document->size_bytes(), 6u);
  EXPECT_EQ(*document->Read(0, 100), "hello\n");
  EXPECT_EQ(*document->Read(4, 1), "o");
  EXPECT_EQ(*document->Read(6, 1), "");
  EXPECT_EQ(*document->Read(~uint64_t{0}, 1), "");
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

TEST(LineDocument, MakesNoMoreThanTheReaderNeeds) {
  uint64_t made = 0;
  const auto document = LineDocument(10'000, [&](uint64_t, std::string& out) -> Status {
    ++made;
    out += "line\n";
    return {};
  });
  ASSERT_TRUE(document);
  EXPECT_EQ(made, 10'000u);  // once, to know the size
  EXPECT_EQ(*(*document)->Read(5 * 9'000, 5), "line\n");
  EXPECT_LE(made, 10'000u + 1'024u);
}

TEST(LineDocument, ALineThatCannotBeMadeIsNoDocument) {
  const auto document = LineDocument(3, [](uint64_t i, std::string&) -> Status {
    if (i == 2) return Fail(ErrorKind::kCorrupt, "line 2");
    return {};
  });
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().message, "line 2");
}

TEST(LineDocument, OfNoLinesIsEmpty) {
  const auto document = LineDocument(0, [](uint64_t, std::string&) -> Status { return {}; });
  EXPECT_EQ((*document)->size_bytes(), 0u);
  EXPECT_EQ(*(*document)->Read(0, 10), "");
}

}  // namespace
}  // namespace betonfs
