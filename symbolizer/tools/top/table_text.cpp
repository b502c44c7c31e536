// See table_text.h.
#include "symbolizer/tools/top/table_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>

#include "shim/common/text/lock_kind_name.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch::top {
namespace {

constexpr size_t kDeepest = 6;  // shown of a tree's levels

struct Column {
  std::string_view heading;
  std::string Cells::*cell;
  bool is_number;  // aligned to the right, never cut
  size_t least;    // columns of the terminal
  size_t most;     // as long as others need more
  int importance;  // the least important one is left out first
  std::optional<Order> order;
};

constexpr Column kColumns[] = {
    {"HELD", &Cells::held, true, 6, 8, 8, Order::held},
    {"WAITERS", &Cells::waiters, true, 7, 9, 6, Order::waiters},
    {"WAITED", &Cells::waited, true, 6, 8, 1, Order::longest},
    {"LOST", &Cells::lost, true, 6, 8, 3, Order::lost},
    {"LOCK", &Cells::lock, false, 14, 24, 9, Order::roots},
    {"HOLDER", &Cells::holder, false, 12, 24, 7, std::nullopt},
    {"TAKEN IN", &Cells::taken_in, false, 16, 48, 2, std::nullopt},
    {"DOING", &Cells::doing, false, 20, SIZE_MAX, 4, std::nullopt},
};
constexpr size_t kCount = std::size(kColumns);

size_t gap_before(size_t column) {
  return column == 0 ? 0 : kColumns[column].is_number ? 1 : 2;
}

size_t width_with_gaps(const std::vector<size_t>& widths) {
  size_t sum = 0;
  for (size_t i = 0; i < kCount; ++i) sum += widths[i] == 0 ? 0 : widths[i] + gap_before(i);
  return sum;
}

void leave_out_least_important(std::vector<size_t>& widths) {
  size_t least = kCount;
  for (size_t i = 0; i < kCount; ++i)
    if (widths[i] != 0 && (least == kCount || kColumns[i].importance < kColumns[least].importance)) least = i;
  widths[least] = 0;
}

// Nothing follows the last column, so that lines of a file have no spaces at their ends.
void trim_end(Line& line) {
  while (!line.spans.empty()) {
    std::string& last = line.spans.back().text;
    last.erase(last.find_last_not_of(' ') + 1);
    if (!last.empty()) return;
    line.spans.pop_back();
  }
}

size_t shown_columns(const std::vector<size_t>& widths) {
  return kCount - static_cast<size_t>(std::count(widths.begin(), widths.end(), 0));
}

// "L3 rooms", or, without a name, "L3 rwlock".
std::string lock_cell(const Row& row, size_t depth, const RowFacts& facts) {
  const std::string branch = depth == 0 ? "" : std::string(2 * (std::min(depth, kDeepest) - 1), ' ') + "└ ";
  return fmt::format(
      "{}L{} {}", branch, row.lock->id,
      facts.lock_name.empty() ? std::string(lock_kind_words(row.lock->lock.kind)) : escape(facts.lock_name));
}

// `390 alice`, `likely 390 alice`, `390 alice +2`.
std::string holder_cell(const Row& row, const RowFacts& facts) {
  const ListedHold* const holder = row.holder();
  if (holder == nullptr) return "unknown";
  const size_t others = row.holds.size() - 1 + row.lock->holds_left_out;
  std::string text = fmt::format("{}{}", holder->likely ? "likely " : "", holder->tid);
  if (!facts.thread.empty()) text += " " + escape(facts.thread);
  if (holder->acquired == Acquired::elsewhere && holder->pid != 0) text += fmt::format(" of process {}", holder->pid);
  return others == 0 ? text : text + fmt::format(" +{}", others);
}

// ">" where the beginning was not seen: it has lasted longer.
std::string held_cell(const Row& row) {
  const ListedHold* const holder = row.holder();
  if (holder == nullptr) return "-";
  const bool began_unseen = holder->site_count == 0;
  return (began_unseen ? ">" : "") + short_duration(row.held_ns);
}

std::string doing_cell(const Row& row, const RowFacts& facts) {
  return (row.lock->in_deadlock ? "DEADLOCK: " : "") + facts.doing;
}

}  // namespace

std::string short_duration(uint64_t ns) {
  constexpr uint64_t kSecond = 1'000'000'000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
  if (ns < 1'000'000) return fmt::format("{}us", ns / 1'000);
  if (ns < kSecond) return fmt::format("{}ms", ns / 1'000'000);
  if (ns < kMinute) return fmt::format("{}.{}s", ns / kSecond, ns % kSecond / 100'000'000);
  if (ns < kHour) return fmt::format("{}m{:02}s", ns / kMinute, ns % kMinute / kSecond);
  if (ns < kDay) return fmt::format("{}h{:02}m", ns / kHour, ns % kHour / kMinute);
  return fmt::format("{}d{:02}h", ns / kDay, ns % kDay / kHour);
}

Cells cells_of(const Row& row, size_t depth, const RowFacts& facts) {
  Cells cells;
  cells.held = held_cell(row);
  if (row.waiting + row.behind > 0) {
    cells.waiters = row.behind == 0 ? fmt::format("{}", row.waiting) : fmt::format("{}+{}", row.waiting, row.behind);
    cells.waited = short_duration(row.longest_wait_ns);
    cells.lost = short_duration(row.lost_ns);
  }
  cells.lock = lock_cell(row, depth, facts);
  cells.holder = holder_cell(row, facts);
  cells.taken_in = escape(facts.taken_in);
  cells.doing = escape(doing_cell(row, facts));
  if (row.lock->in_deadlock || (row.holder() != nullptr && row.holder()->gone))
    cells.style = Style::alarm;
  else if (row.is_over_limit())
    cells.style = Style::warning;
  return cells;
}

Table::Table(const std::vector<Cells>& rows, size_t width) : widths_(kCount) {
  std::vector<size_t> needed(kCount);
  for (size_t i = 0; i < kCount; ++i) {
    needed[i] = kColumns[i].heading.size();
    for (const Cells& cells : rows) needed[i] = std::max(needed[i], width_of(cells.*kColumns[i].cell));
    widths_[i] = kColumns[i].is_number ? std::max(needed[i], kColumns[i].least) : kColumns[i].least;
  }
  while (width_with_gaps(widths_) > width && shown_columns(widths_) > 1) leave_out_least_important(widths_);
  size_t spare = width - std::min(width, width_with_gaps(widths_));
  const auto widen = [&](size_t column, size_t most) {
    const size_t wanted = std::min(std::max(needed[column], kColumns[column].least), most);
    if (widths_[column] == 0 || wanted <= widths_[column]) return;
    const size_t more = std::min(spare, wanted - widths_[column]);
    widths_[column] += more;
    spare -= more;
  };
  for (size_t i = 0; i < kCount; ++i) widen(i, kColumns[i].most);
  for (size_t i = 0; i < kCount; ++i) widen(i, SIZE_MAX);
}

Line Table::heading(Order order) const {
  Line line;
  for (size_t i = 0; i < kCount; ++i) {
    const size_t width = widths_[i];
    if (width == 0) continue;
    const std::string heading =
        kColumns[i].is_number ? right_aligned(kColumns[i].heading, width) : padded(kColumns[i].heading, width);
    line.spans.push_back({std::string(gap_before(i), ' '), Style::heading});
    line.spans.push_back({heading, kColumns[i].order == order ? Style::sorted : Style::heading});
  }
  trim_end(line);
  return line;
}

Line Table::line(const Cells& cells) const {
  Line line;
  for (size_t i = 0; i < kCount; ++i) {
    const size_t width = widths_[i];
    if (width == 0) continue;
    const std::string& cell = cells.*kColumns[i].cell;
    line.spans.push_back({std::string(gap_before(i), ' '), Style::plain});
    line.spans.push_back({kColumns[i].is_number ? right_aligned(cell, width) : padded(cell, width),
                          i == 0 || cell.starts_with("DEADLOCK") ? cells.style : Style::plain});
  }
  trim_end(line);
  return line;
}

}  // namespace holdwatch::top
