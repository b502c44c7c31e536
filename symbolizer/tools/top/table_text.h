// The table as lines of text, in as many columns as there is room for.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "symbolizer/tools/top/lock_rows.h"
#include "symbolizer/tools/top/styled_text.h"

namespace holdwatch::top {

// What a row shows beyond the list: names, and what its holder is doing.
struct RowFacts {
  std::string lock_name;  // empty: not known
  std::string thread;     // the holder's name
  std::string taken_in;   // the function, and its file and line; empty: not known
  std::string doing;      // in words; empty: not known
};

// "350us", "850ms", "12.4s", "14m03s", "2h05m", "3d04h": truncated, never rounded up.
std::string short_duration(uint64_t ns);

// What stands in the columns of one row.
struct Cells {
  std::string held, waiters, waited, lost, lock, holder, taken_in, doing;
  Style style = Style::plain;  // of what tells how bad it is
};
Cells cells_of(const Row& row, size_t depth, const RowFacts& facts);

constexpr size_t kUnlimited = SIZE_MAX;

class Table {
 public:
  // The columns get the width that these cells need, if there is room for them.
  Table(const std::vector<Cells>& rows, size_t width);
  Line heading(Order order) const;
  Line line(const Cells& cells) const;

 private:
  std::vector<size_t> widths_;  // by column; 0: left out
};

}  // namespace holdwatch::top
