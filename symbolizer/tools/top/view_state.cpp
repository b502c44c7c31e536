// See view_state.h.
#include "symbolizer/tools/top/view_state.h"

#include <algorithm>
#include <utility>

namespace holdwatch::top {

Key key_of_character(int character) {
  constexpr struct {
    int character;
    Key key;
  } kKeys[] = {
      {'k', Key::up},      {'j', Key::down},     {2, Key::page_up},   {6, Key::page_down},    {'g', Key::first},
      {'G', Key::last},    {' ', Key::toggle},   {'\r', Key::toggle}, {'\n', Key::toggle},    {'+', Key::unfold},
      {'-', Key::fold},    {'r', Key::by_roots}, {'h', Key::by_held}, {'n', Key::by_waiters}, {'w', Key::by_waited},
      {'l', Key::by_lost}, {'p', Key::pause},    {'?', Key::help},    {12, Key::redraw},      {'q', Key::quit},
      {'Q', Key::quit},
  };
  const auto* const known =
      std::find_if(std::begin(kKeys), std::end(kKeys), [=](const auto& one) { return one.character == character; });
  return known == std::end(kKeys) ? Key::other : known->key;
}

std::vector<BodyLine> body_of(const std::vector<size_t>& details) {
  std::vector<BodyLine> body;
  for (size_t place = 0; place < details.size(); ++place)
    for (size_t detail = 0; detail <= details[place]; ++detail) body.push_back({place, detail});
  return body;
}

void ViewState::show(std::vector<uintptr_t> locks, std::vector<size_t> details, size_t height) {
  locks_ = std::move(locks);
  body_ = body_of(details);
  height_ = height;
  const auto line = std::find_if(body_.begin(), body_.end(), [this](const BodyLine& one) {
    return selected_lock_ == locks_[one.place] && one.detail == selected_detail_;
  });
  const auto row = std::find_if(body_.begin(), body_.end(),
                                [this](const BodyLine& one) { return selected_lock_ == locks_[one.place]; });
  const auto found = line != body_.end() ? line : row;
  if (found != body_.end())
    selected_ = static_cast<size_t>(found - body_.begin());
  else if (!selected_lock_)
    selected_ = 0;
  selected_ = std::min(selected_, body_.empty() ? 0 : body_.size() - 1);
  const size_t last_first = body_.size() - std::min(body_.size(), height_);
  first_shown_ = std::min({first_shown_, selected_, last_first});
  if (height_ > 0 && selected_ >= first_shown_ + height_) first_shown_ = selected_ - height_ + 1;
}

void ViewState::select(size_t line) {
  if (body_.empty()) return;
  selected_ = std::min(line, body_.size() - 1);
  selected_lock_ = locks_[body_[selected_].place];
  selected_detail_ = body_[selected_].detail;
}

void ViewState::set_unfolded(bool unfolded) {
  if (body_.empty()) return;
  const uintptr_t lock = locks_[body_[selected_].place];
  select(selected_);
  if (unfolded) {
    unfolded_.insert(lock);
    return;
  }
  unfolded_.erase(lock);
  selected_detail_ = 0;
}

// The worst by that order is at the top, and selected.
void ViewState::sort(Key key) {
  constexpr Order kOrders[] = {Order::roots, Order::held, Order::waiters, Order::longest, Order::lost};
  order_ = kOrders[static_cast<size_t>(key) - static_cast<size_t>(Key::by_roots)];
  selected_lock_.reset();
  selected_ = first_shown_ = 0;
}

void ViewState::handle(Key key) {
  if (key == Key::quit) has_quit_ = true;
  if (shows_help_) {
    if (key != Key::redraw) shows_help_ = false;
    return;
  }
  switch (key) {
    case Key::up:
      return select(selected_ - std::min<size_t>(selected_, 1));
    case Key::down:
      return select(selected_ + 1);
    case Key::page_up:
      return select(selected_ - std::min(selected_, std::max<size_t>(height_, 1)));
    case Key::page_down:
      return select(selected_ + std::max<size_t>(height_, 1));
    case Key::first:
      return select(0);
    case Key::last:
      return select(SIZE_MAX);
    case Key::toggle:
      return set_unfolded(body_.empty() || !is_unfolded(locks_[body_[selected_].place]));
    case Key::unfold:
    case Key::fold:
      return set_unfolded(key == Key::unfold);
    case Key::by_roots:
    case Key::by_held:
    case Key::by_waiters:
    case Key::by_waited:
    case Key::by_lost:
      return sort(key);
    case Key::pause:
      is_paused_ = !is_paused_;
      return;
    case Key::help:
      shows_help_ = true;
      return;
    case Key::other:
    case Key::redraw:
    case Key::quit:
      return;
  }
}

}  // namespace holdwatch::top
