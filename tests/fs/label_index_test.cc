#include "fs/label_index.h"

#include <gtest/gtest.h>

#include "tests/support/tree_of.h"

namespace betonfs {
namespace {

using test::Labelled;
using test::TreeOf;

LabelIndex Index(const TreeOf& tree, SampleRange range) {
  const Shards& shards = tree->shards();
  auto index = LabelIndex::Make(shards, range, *shards.schema().Find("label"));
  EXPECT_TRUE(index);
  return std::move(*index);
}

// Class after class, the numbers of its samples.
std::vector<std::vector<uint64_t>> Classes(const LabelIndex& index) {
  std::vector<std::vector<uint64_t>> classes(index.num_classes());
  for (size_t rank = 0; rank < classes.size(); ++rank) {
    for (uint64_t place = 0; place < index.NumSamples(rank); ++place) {
      classes[rank].push_back(Number(index.SampleAt(rank, place)));
    }
  }
  return classes;
}

using Numbers = std::vector<std::vector<uint64_t>>;

TEST(LabelIndex, GathersTheSamplesOfEveryLabel) {
  const TreeOf tree({Labelled({3, -1, 3, 0, -1}).Build()});
  const LabelIndex index = Index(tree, {0, 5});
  EXPECT_EQ(Classes(index), (Numbers{{1, 4}, {3}, {0, 2}}));
  EXPECT_EQ(index.LabelOf(0), -1);
  EXPECT_EQ(index.RankOf(3), 2u);
  EXPECT_EQ(index.RankOf(1), index.num_classes());  // nobody's
}

TEST(LabelIndex, NeedsNoOrderWhereLabelsAscend) {
  const TreeOf tree({Labelled({0, 0, 1, 5}).Build()});
  EXPECT_EQ(Classes(Index(tree, {0, 4})), (Numbers{{0, 1}, {2}, {3}}));
}

TEST(LabelIndex, IsOfTheSamplesInItsRangeAlone) {
  const TreeOf tree({Labelled({9, 1, 0}).Build(), Labelled({0, 9}).Build()});
  EXPECT_EQ(Classes(Index(tree, {1, 3})), (Numbers{{2, 3}, {1}}));
}

TEST(LabelIndex, OfNothingHasNoClasses) {
  const TreeOf tree({Labelled({1}).Build()});
  EXPECT_EQ(Index(tree, {0, 0}).num_classes(), 0u);
}

}  // namespace
}  // namespace betonfs
