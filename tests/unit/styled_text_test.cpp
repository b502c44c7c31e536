#include "symbolizer/tools/top/styled_text.h"

#include "tests/catch.h"

namespace holdwatch::top {
namespace {

TEST_CASE("columns, not bytes, are counted") {
  CHECK(width_of("") == 0);
  CHECK(width_of("abc") == 3);
  CHECK(width_of("Zürich") == 6);
  CHECK(width_of("日本") == 4);
  CHECK(width_of("e\u0301") == 1);  // combining
  CHECK(width_of("\U0001F512") == 2);
}

TEST_CASE("what does not fit ends in a mark, and no character is split") {
  CHECK(cut("abcdef", 6) == "abcdef");
  CHECK(cut("abcdef", 5) == "abcd…");
  CHECK(cut("日本語", 4) == "日…");
  CHECK(cut("日本語", 5) == "日本…");
  CHECK(cut("abc", 1) == "…");
  CHECK(cut("abc", 0).empty());
  for (size_t width = 0; width < 12; ++width) CHECK(width_of(cut("x日本語é\u0301tail", width)) <= width);
}

TEST_CASE("text is padded to its column on either side") {
  CHECK(padded("ab", 4) == "ab  ");
  CHECK(right_aligned("ab", 4) == "  ab");
  CHECK(padded("abcdef", 4) == "abc…");
  CHECK(width_of(padded("日本語", 4)) == 4);
}

TEST_CASE("a line is cut through its spans") {
  Line line{{{"abc", Style::strong}, {"def", Style::plain}, {"ghi", Style::plain}}};
  cut(line, 5);
  CHECK(line.text() == "abcd…");
  CHECK(line.spans.size() == 2);
  CHECK(line.spans[0].style == Style::strong);
  cut(line, 3);
  CHECK(width_of(line.text()) <= 3);
}

TEST_CASE("incomplete UTF-8 at the end is no reason to read on") {
  CHECK(width_of("a\xE6\x97") == 2);
  CHECK(ascii_of("a\xE6").size() == 2);
}

TEST_CASE("on a terminal of ASCII every character keeps its columns") {
  CHECK(ascii_of("└ L1 caf\u00e9") == "` L1 caf?");
  CHECK(ascii_of("ab…") == "ab~");
  CHECK(ascii_of("日") == "??");
}

}  // namespace
}  // namespace holdwatch::top
