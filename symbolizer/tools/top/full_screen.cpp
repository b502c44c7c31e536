// See full_screen.h.
#include "symbolizer/tools/top/full_screen.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "symbolizer/tools/top/signals.h"

namespace holdwatch::top {
namespace {

// In the background nothing is drawn or asked; how often we look whether the terminal is ours again.
constexpr int kInBackgroundMs = 500;
constexpr int kPausedMs = 1000;

class FullScreen {
 public:
  FullScreen(Present& present, Terminal& terminal, uint64_t count)
      : present_(present), terminal_(terminal), lists_left_(count), is_counted_(count != 0) {}

  int run() {
    count_list();
    while (!end_signal_ && !state_.has_quit() && !has_shown_all()) {
      if (is_in_foreground()) draw_if_changed();
      wait();
      take_signals();
      if (end_signal_ || !is_in_foreground()) continue;
      take_keys();
      take_list();
    }
    return end_signal_.value_or(0);
  }

 private:
  void draw_if_changed();
  void wait();
  void take_signals();
  void take_keys();
  void take_list();
  void suspend();
  void count_list() { lists_left_ -= std::min<uint64_t>(lists_left_, 1); }
  bool has_shown_all() const { return is_counted_ && lists_left_ == 0 && !is_changed_; }
  std::string remark() const { return state_.is_paused() ? "paused" : present_.remark(); }

  Present& present_;
  Terminal& terminal_;
  const Signals signals_;
  ViewState state_;
  uint64_t lists_left_;
  const bool is_counted_;
  bool is_changed_ = true;
  std::string shown_remark_;
  std::optional<int> end_signal_;
};

void FullScreen::draw_if_changed() {
  const std::string now = remark();
  if (!is_changed_ && now == shown_remark_) return;
  const std::vector<Place> places = places_of(present_.rows(), state_.order());
  terminal_.draw(screen_of(present_.process(now), present_.totals(), present_.shown(places), state_, terminal_.size()));
  shown_remark_ = now;
  is_changed_ = false;
}

void FullScreen::wait() {
  const bool is_ours = is_in_foreground();
  pollfd inputs[] = {{signals_.descriptor(), POLLIN, 0}, {is_ours ? STDIN_FILENO : -1, POLLIN, 0}};
  const int timeout_ms = !is_ours             ? kInBackgroundMs
                         : state_.is_paused() ? kPausedMs
                                              : static_cast<int>(present_.time_until_due().count());
  poll(inputs, 2, timeout_ms);
  // The terminal has gone; without this, it would be read again and again.
  if ((inputs[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) state_.handle(Key::quit);
}

void FullScreen::suspend() {
  terminal_.leave();
  Signals::stop();
  terminal_.forget_contents();
  is_changed_ = true;
}

void FullScreen::take_signals() {
  while (const auto signal = signals_.next()) {
    switch (*signal) {
      case SIGTSTP:
        suspend();
        break;
      case SIGCONT:
        // After SIGSTOP, the shell has used the terminal in its own modes.
        terminal_.leave();
        terminal_.forget_contents();
        is_changed_ = true;
        break;
      case SIGWINCH:
        terminal_.resize();
        is_changed_ = true;
        break;
      default:
        end_signal_ = *signal;
        return;
    }
  }
}

void FullScreen::take_keys() {
  while (const auto key = terminal_.read_key()) {
    if (*key == Key::redraw) terminal_.forget_contents();
    state_.handle(*key);
    is_changed_ = true;
    // What is selected is known only once it is shown; several keys may have come at once.
    const std::vector<Place> places = places_of(present_.rows(), state_.order());
    screen_of(present_.process(""), present_.totals(), present_.shown(places), state_, terminal_.size());
    if (state_.has_quit()) return;
  }
}

void FullScreen::take_list() {
  if (state_.is_paused() || !present_.update()) return;
  count_list();
  is_changed_ = true;
}

}  // namespace

int show_full_screen(Present& present, Terminal& terminal, uint64_t count) {
  return FullScreen(present, terminal, count).run();
}

}  // namespace holdwatch::top
