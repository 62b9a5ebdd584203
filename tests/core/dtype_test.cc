#include "core/dtype.h"

#include <gtest/gtest.h>

namespace betonfs {
namespace {

struct Known {
  const char* descr;
  uint64_t item_size_bytes;
  const char* npy_descr;
};

TEST(Dtype, KnowsWhatNumpyKnows) {
  const Known known[] = {
      {R"([["", "<f4"]])", 4, "'<f4'"},
      {R"([["","f4"]])", 4, "'<f4'"},
      {R"([["", "float32"]])", 4, "'<f4'"},
      {R"([["", "|u1"]])", 1, "'|u1'"},
      {R"([["", "|b1"]])", 1, "'|b1'"},
      {R"([["", "bool"]])", 1, "'|b1'"},
      {R"([["", "<c16"]])", 16, "'<c16'"},
      {R"([["", ">i4"]])", 4, "'>i4'"},
      {R"([["", "=i2"]])", 2, "'<i2'"},
      {R"([["", "|S5"]])", 5, "'|S5'"},
      {R"([["", "<U3"]])", 12, "'<U3'"},
      {R"([["", ">U1"]])", 4, "'>U1'"},
      {R"([["", "|V7"]])", 7, "'|V7'"},
      {R"([["", "<M8[ns]"]])", 8, "'<M8[ns]'"},
      {R"([["", "<m8[25s]"]])", 8, "'<m8[25s]'"},
      {R"([["", "<M8"]])", 8, "'<M8'"},
      {R"([["x", "<f4"], ["y", "<i2"], ["z", "|u1", [3]]])", 9,
       "[('x', '<f4'), ('y', '<i2'), ('z', '|u1', (3,))]"},
      {R"([["x", "<f4"]])", 4, "[('x', '<f4')]"},
      {R"([["a", [["b", "<i8"], ["c", "|S2"]], [2, 3]]])", 60,
       "[('a', [('b', '<i8'), ('c', '|S2')], (2, 3))]"},
      {R"([["x", "|u1"], ["", "|V3"], [["title", "y"], "<f4"]])", 8,
       "[('x', '|u1'), ('', '|V3'), (('title', 'y'), '<f4')]"},
  };
  for (const Known& k : known) {
    const auto dtype = ParseDtype(k.descr);
    ASSERT_TRUE(dtype) << k.descr << ": " << dtype.error().message;
    EXPECT_EQ(dtype->item_size_bytes, k.item_size_bytes) << k.descr;
    EXPECT_EQ(dtype->npy_descr, k.npy_descr);
  }
}

TEST(Dtype, RefusesWhatNumpyCannotStore) {
  for (const char* descr : {"",
                            "[]",
                            "{}",
                            "null",
                            "[[]]",
                            R"([[""]])",
                            R"([["", ""]])",
                            R"([["", "<"]])",
                            R"([["", "f3"]])",
                            R"([["", "|O"]])",
                            R"([["", "<f4x"]])",
                            R"([["", "<M8[x]"]])",
                            R"([["", "<M8[]"]])",
                            R"([["", "S99999999999"]])",
                            R"([["", "U536870912"]])",
                            R"([["x", 4]])",
                            R"([["x", "<f4", [-1]]])",
                            R"([["x", "<f4", ["a"]]])",
                            R"([["x", "<f8", [65536, 65536, 65536, 65536]]])",
                            R"([[["a", "b", "c"], "<f4"]])",
                            R"([["a", "|V2000000000"], ["b", "|V2000000000"]])",
                            "[[\"",
                            "\xff"}) {
    const auto dtype = ParseDtype(descr);
    ASSERT_FALSE(dtype) << descr;
    EXPECT_EQ(dtype.error().kind, ErrorKind::kUnsupported) << descr;
  }
}

TEST(Dtype, ADeepNestIsRefusedAndNotFollowed) {
  std::string descr = "\"<f4\"";
  for (int i = 0; i < 90; ++i) descr = "[[\"x\", " + descr + "]]";
  EXPECT_FALSE(ParseDtype(descr));
  EXPECT_FALSE(ParseDtype(std::string(700, '[')));
}

TEST(Dtype, NamesAreSpelledAsPythonReadsThem) {
  const auto dtype = ParseDtype(R"([["it's \\ \u20ac \ud83d\ude00\n", "|u1"]])");
  ASSERT_TRUE(dtype);
  EXPECT_EQ(dtype->npy_descr, R"([('it\'s \\ \U000020ac \U0001f600\U0000000a', '|u1')])");
}

TEST(NpyHeader, IsWhatNumpyWrites) {
  const std::string header = NpyHeader(*ParseDtype(R"([["", "<f4"]])"), {3, 5});
  EXPECT_EQ(header.size(), 128u);
  EXPECT_EQ(header.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_EQ(header.substr(10, 58), "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), ");
  EXPECT_EQ(header.back(), '\n');
}

TEST(NpyHeader, IsAlwaysAMultipleOf64) {
  const auto dtype = ParseDtype(R"([["x", "<f4"], ["y", "<i2"]])");
  std::vector<uint64_t> shape;
  for (int i = 0; i < 32; ++i) {
    shape.push_back(uint64_t{1} << i);
    EXPECT_EQ(NpyHeader(*dtype, shape).size() % 64, 0u);
  }
}

}  // namespace
}  // namespace betonfs
