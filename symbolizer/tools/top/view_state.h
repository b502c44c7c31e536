// What the user has chosen to see, and how keys change it.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "symbolizer/tools/top/lock_rows.h"

namespace holdwatch::top {

enum class Key : uint8_t {
  other,
  up,
  down,
  page_up,
  page_down,
  first,
  last,
  toggle,
  unfold,
  fold,
  by_roots,
  by_held,
  by_waiters,
  by_waited,
  by_lost,
  pause,
  help,
  redraw,
  quit
};

// Of a key that types a character.
Key key_of_character(int character);

// One line below the headings: a row of the table, or a line of what is unfolded below it.
struct BodyLine {
  size_t place;
  size_t detail;  // 0: the row itself
};

// The lines of all rows, in order. `details`: how many lines are unfolded below each.
std::vector<BodyLine> body_of(const std::vector<size_t>& details);

class ViewState {
 public:
  Order order() const { return order_; }
  bool shows_help() const { return shows_help_; }
  bool is_paused() const { return is_paused_; }
  bool has_quit() const { return has_quit_; }
  bool is_unfolded(uintptr_t lock) const { return unfolded_.contains(lock); }

  // The rows have changed. `locks`: their addresses in the present order; `details` as for body_of; `height`: how many lines are
  // shown at once. The selected line stays selected if it still exists.
  void show(std::vector<uintptr_t> locks, std::vector<size_t> details, size_t height);

  const std::vector<BodyLine>& body() const { return body_; }
  size_t first_shown() const { return first_shown_; }  // index in the body
  size_t selected() const { return selected_; }

  // Afterwards the rows must be shown again.
  void handle(Key key);

 private:
  void select(size_t line);
  void sort(Key key);
  void set_unfolded(bool unfolded);
  size_t row_of(size_t line) const;

  Order order_ = Order::roots;
  bool shows_help_ = false;
  bool is_paused_ = false;
  bool has_quit_ = false;
  std::set<uintptr_t> unfolded_;
  std::vector<uintptr_t> locks_;
  std::vector<BodyLine> body_;
  size_t height_ = 0;
  size_t first_shown_ = 0;
  size_t selected_ = 0;
  std::optional<uintptr_t> selected_lock_;  // none until the user moves: the first line stays selected
  size_t selected_detail_ = 0;
};

}  // namespace holdwatch::top
