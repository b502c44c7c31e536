// The whole screen as lines of text: what the process is, the table with what is unfolded, and the keys.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "symbolizer/tools/top/lock_rows.h"
#include "symbolizer/tools/top/styled_text.h"
#include "symbolizer/tools/top/table_text.h"
#include "symbolizer/tools/top/view_state.h"

namespace holdwatch::top {

// What the line at the top says.
struct ProcessFacts {
  int pid = 0;
  std::string name;
  std::string time;    // of the list
  std::string remark;  // why what is shown is not the present; empty: it is
};

// Rows with the names that a reader needs. What takes long is asked for only where it is shown.
struct ShownRows {
  const std::vector<Row>& rows;
  const std::vector<Place>& places;
  std::function<const RowFacts&(const Row&)> facts;
  std::function<const std::vector<std::string>&(const Row&)> details;  // lines to show below an unfolded row
};

struct ScreenSize {
  size_t width = 0;
  size_t height = 0;
};

// `state` receives the size of what there is to show, and may scroll to the selected line.
std::vector<Line> screen_of(const ProcessFacts& process, const Totals& totals, const ShownRows& shown, ViewState& state,
                            ScreenSize size);

// The same without a terminal: two lines about the process, and the table with at most `most` rows.
std::vector<Line> plain_text_of(const ProcessFacts& process, const Totals& totals, const ShownRows& shown, size_t most);

}  // namespace holdwatch::top
