// See screen_text.h.
#include "symbolizer/tools/top/screen_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "symbolizer/report/text_format.h"

namespace holdwatch::top {
namespace {

constexpr std::string_view kHelp[] = {
    "Each row is a lock that is held or waited for.",
    "",
    "  HELD      for how long by its holder; > at least, as it was held already",
    "  WAITERS   threads that wait for it; +3: three more are behind those",
    "  WAITED    the longest present wait for it",
    "  LOST      the time that all of them have lost to this hold",
    "  HOLDER    thread id and name; +2: two more hold it, as readers",
    "  TAKEN IN  the function that took the lock",
    "  DOING     what the holder is doing now",
    "",
    "  up down, PgUp PgDn, Home End   select a row",
    "  Enter                          unfold or fold its stacks and waiters",
    "  r   sort by roots: who waits for nobody first, below it what it holds up",
    "  h   by HELD     n   by WAITERS     w   by WAITED     l   by LOST",
    "  p   pause       q   quit",
    "",
    "Any key returns to the table.",
};
constexpr std::string_view kKeys =
    "q quit  Enter unfold  sort: r roots  h held  n waiters  w waited  l lost  p pause  ? help";
constexpr std::string_view kFewKeys = "q quit  Enter unfold  ? help";
constexpr size_t kMarkWidth = 2;          // before each row: whether it is unfolded
constexpr size_t kHeightForSummary = 14;  // the selected row is summarized below the table
constexpr size_t kSummaryHeight = 3;

Line title_of(const ProcessFacts& process, size_t width) {
  const std::string left = fmt::format("holdwatch top  {} {}", process.pid, escape(process.name));
  const size_t used = width_of(left) + width_of(process.time) + 2;
  Line line{{{left, Style::strong}}};
  if (!process.remark.empty()) {
    line.spans.push_back({"  " + process.remark, Style::warning});
  } else if (used <= width && width != kUnlimited) {
    line.spans.push_back({std::string(width - used + 2, ' ') + process.time, Style::dim});
  }
  return line;
}

// "2 locks held over LIMIT 1 s, 28 threads wait, 5m02s lost".
Line totals_line(const Totals& totals, size_t rows) {
  Line line;
  if (totals.deadlocked > 0)
    line.spans.push_back({"DEADLOCK of " + count_of(totals.deadlocked, "lock", "locks") + ", ", Style::alarm});
  if (totals.over_limit > 0) {
    line.spans.push_back({count_of(totals.over_limit, "lock", "locks") + " held over LIMIT", Style::warning});
  } else {
    line.spans.push_back({rows == 0 ? "no lock is held for long" : "no lock is held over LIMIT"});
  }
  if (totals.limit_ns != 0) line.spans.back().text += " " + short_duration(totals.limit_ns);
  line.spans.push_back({totals.waiting == 0 ? ", no thread waits"
                                            : ", " + count_of(totals.waiting, "thread waits", "threads wait") + ", " +
                                                  short_duration(totals.lost_ns) + " lost"});
  if (totals.locks_left_out > 0)
    line.spans.push_back({fmt::format(", {} more locks not shown", totals.locks_left_out)});
  return line;
}

class Screen {
 public:
  Screen(const ShownRows& shown, ViewState& state, ScreenSize size) : shown_(shown), state_(state), size_(size) {}

  std::vector<Line> run(const ProcessFacts& process, const Totals& totals) {
    lines_ = {title_of(process, size_.width), totals_line(totals, shown_.rows.size())};
    lines_.back().spans.back().text += process.remark.empty() ? "" : ", at " + process.time;
    if (state_.shows_help()) {
      for (const std::string_view line : kHelp) lines_.push_back({{{std::string(line)}}});
    } else {
      add_table();
    }
    lines_.resize(std::min(lines_.size(), size_.height));
    for (Line& line : lines_) finish(line);
    return std::move(lines_);
  }

 private:
  void add_table();
  void add_row(const Table& table, size_t place, const Cells& cells);
  void add_summary();
  void add_keys();
  const Row& row_at(size_t place) const { return shown_.rows[shown_.places[place].row]; }
  bool has_summary() const { return size_.height >= kHeightForSummary && !shown_.places.empty(); }
  size_t body_height() const {
    const size_t others = lines_.size() + 2 + (has_summary() ? kSummaryHeight : 0);  // the heading and the keys
    return size_.height > others ? size_.height - others : 0;
  }
  void finish(Line& line) const {
    cut(line, size_.width);
    if (line.is_selected) line.spans.push_back({std::string(size_.width - width_of(line.text()), ' ')});
  }

  const ShownRows& shown_;
  ViewState& state_;
  const ScreenSize size_;
  std::vector<Line> lines_;
};

void Screen::add_table() {
  std::vector<uintptr_t> locks;
  std::vector<size_t> details;
  for (const Place& place : shown_.places) {
    const Row& row = shown_.rows[place.row];
    locks.push_back(row.lock->lock.address);
    details.push_back(state_.is_unfolded(locks.back()) ? shown_.details(row).size() : 0);
  }
  const size_t height = body_height();
  state_.show(std::move(locks), std::move(details), height);
  const std::vector<BodyLine>& body = state_.body();
  const size_t first = state_.first_shown(), end = std::min(body.size(), first + height);
  // The rows in between, from the first one of which any line is shown.
  std::vector<Cells> cells;
  const size_t first_place = first < end ? body[first].place : 0;
  for (size_t at = first; at < end; ++at) {
    if (body[at].place < first_place + cells.size()) continue;
    const Place& place = shown_.places[body[at].place];
    cells.push_back(cells_of(shown_.rows[place.row], place.depth, shown_.facts(shown_.rows[place.row])));
  }
  const Table table(cells, size_.width - std::min(size_.width, kMarkWidth));
  Line heading = table.heading(state_.order());
  heading.spans.insert(heading.spans.begin(), {std::string(kMarkWidth, ' '), Style::heading});
  heading.spans.push_back(
      {std::string(size_.width - std::min(size_.width, width_of(heading.text())), ' '), Style::heading});
  lines_.push_back(std::move(heading));
  for (size_t at = first; at < end; ++at) {
    const BodyLine& line = body[at];
    if (line.detail == 0)
      add_row(table, line.place, cells[line.place - first_place]);
    else
      lines_.push_back({{{"    " + shown_.details(row_at(line.place))[line.detail - 1]}}});
    lines_.back().is_selected = at == state_.selected();
  }
  while (lines_.size() < size_.height - std::min(size_.height, 1 + (has_summary() ? kSummaryHeight : 0)))
    lines_.emplace_back();
  if (has_summary()) add_summary();
  add_keys();
}

void Screen::add_row(const Table& table, size_t place, const Cells& cells) {
  Line line = table.line(cells);
  const bool unfolded = state_.is_unfolded(row_at(place).lock->lock.address);
  line.spans.insert(line.spans.begin(), {unfolded ? "- " : "+ ", Style::dim});
  lines_.push_back(std::move(line));
}

// Of the selected row, what its columns may have been too narrow for.
void Screen::add_summary() {
  const Row& row = row_at(state_.body()[state_.selected()].place);
  const RowFacts& facts = shown_.facts(row);
  const Cells cells = cells_of(row, 0, facts);
  lines_.push_back({{{fmt::format("{} held by {}", cells.lock, cells.holder), Style::dim}}});
  lines_.push_back({{{"  taken in  ", Style::dim}, {cells.taken_in.empty() ? "unknown" : cells.taken_in}}});
  lines_.push_back({{{"  doing     ", Style::dim}, {cells.doing.empty() ? "unknown" : cells.doing}}});
}

void Screen::add_keys() {
  const std::string_view keys = width_of(kKeys) <= size_.width ? kKeys : kFewKeys;
  lines_.push_back({{{std::string(keys), Style::dim}}});
}

}  // namespace

std::vector<Line> screen_of(const ProcessFacts& process, const Totals& totals, const ShownRows& shown, ViewState& state,
                            ScreenSize size) {
  return Screen(shown, state, size).run(process, totals);
}

std::vector<Line> plain_text_of(const ProcessFacts& process, const Totals& totals, const ShownRows& shown,
                                size_t most) {
  std::vector<Line> lines = {title_of(process, kUnlimited), totals_line(totals, shown.rows.size())};
  lines.front().spans.push_back({"  " + process.time, Style::dim});
  std::vector<Cells> cells;
  for (size_t i = 0; i < std::min(most, shown.places.size()); ++i) {
    const Place& place = shown.places[i];
    cells.push_back(cells_of(shown.rows[place.row], place.depth, shown.facts(shown.rows[place.row])));
  }
  if (cells.empty()) return lines;
  const Table table(cells, kUnlimited);
  lines.push_back(table.heading(Order::roots));
  for (const Cells& row : cells) lines.push_back(table.line(row));
  if (shown.places.size() > most) lines.push_back({{{fmt::format("and {} more", shown.places.size() - most)}}});
  return lines;
}

}  // namespace holdwatch::top
