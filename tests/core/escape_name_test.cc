#include "core/escape_name.h"

#include <gtest/gtest.h>

namespace betonfs {
namespace {

TEST(EscapeName, LeavesOrdinaryNamesAlone) {
  EXPECT_EQ(EscapeName("cat 1.jpg"), "cat 1.jpg");
  EXPECT_EQ(EscapeName("Gr\u00fc\u00dfe \u732b \U0001F408.png"),
            "Gr\u00fc\u00dfe \u732b \U0001F408.png");
  EXPECT_EQ(EscapeName(""), "");
}

TEST(EscapeName, KeepsALineALine) { EXPECT_EQ(EscapeName("a\nb\tc\rd\\"), "a\\nb\\tc\\rd\\\\"); }

TEST(EscapeName, DisarmsTerminalSequences) {
  EXPECT_EQ(EscapeName("\033[2J\x7f"), "\\033[2J\\177");
  EXPECT_EQ(EscapeName("\u009b2J"), "\\302\\2332J");  // CSI as one C1 character
}

TEST(EscapeName, DisarmsReorderedText) {
  EXPECT_EQ(EscapeName("a\u202egpj.exe"), "a\\342\\200\\256gpj.exe");
}

TEST(EscapeName, ShowsBytesThatAreNoUtf8) {
  EXPECT_EQ(EscapeName("\xff"
                       "a"),
            "\\377a");
  EXPECT_EQ(EscapeName("\xc3"), "\\303");                    // cut short
  EXPECT_EQ(EscapeName("\xc0\xaf"), "\\300\\257");           // longer than need be
  EXPECT_EQ(EscapeName("\xed\xa0\x80"), "\\355\\240\\200");  // half a surrogate pair
}

TEST(EscapeMessage, LeavesEscapesInItAlone) {
  EXPECT_EQ(EscapeMessage("a.beton: no '" + EscapeName("x\ny") + "'\n"), "a.beton: no 'x\\ny'\\n");
}

}  // namespace
}  // namespace betonfs
