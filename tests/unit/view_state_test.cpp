#include "symbolizer/tools/top/view_state.h"

#include "tests/catch.h"

namespace holdwatch::top {
namespace {

const std::vector<uintptr_t> kLocks = {0xa, 0xb, 0xc, 0xd, 0xe};

// Five rows, of which each unfolded one has three lines below it.
void show(ViewState& state, std::vector<uintptr_t> locks = kLocks, size_t height = 4) {
  std::vector<size_t> details;
  for (const uintptr_t lock : locks) details.push_back(state.is_unfolded(lock) ? 3 : 0);
  state.show(std::move(locks), std::move(details), height);
}

void press(ViewState& state, std::initializer_list<Key> keys) {
  for (const Key key : keys) {
    state.handle(key);
    show(state);
  }
}

TEST_CASE("until a row is selected, the first one is, whichever it is") {
  ViewState state;
  show(state);
  CHECK(state.selected() == 0);
  show(state, {0xe, 0xa});
  CHECK(state.selected() == 0);
}

TEST_CASE("a selected row stays selected when rows change places") {
  ViewState state;
  show(state);
  press(state, {Key::down, Key::down});
  CHECK(state.selected() == 2);
  show(state, {0xc, 0xa, 0xb});
  CHECK(state.selected() == 0);
  show(state, {0xa, 0xb});  // it has gone
  CHECK(state.selected() <= 1);
}

TEST_CASE("the selection ends at the first and the last line, and is always shown") {
  ViewState state;
  show(state);
  press(state, {Key::up});
  CHECK(state.selected() == 0);
  press(state, {Key::last});
  CHECK(state.selected() == 4);
  CHECK(state.first_shown() == 1);
  press(state, {Key::down});
  CHECK(state.selected() == 4);
  press(state, {Key::page_up});
  CHECK(state.selected() == 0);
  CHECK(state.first_shown() == 0);
  press(state, {Key::page_down, Key::page_down, Key::first});
  CHECK(state.selected() == 0);
}

TEST_CASE("a row is unfolded and folded, also from one of the lines below it") {
  ViewState state;
  show(state);
  press(state, {Key::down, Key::toggle});
  CHECK(state.is_unfolded(0xb));
  CHECK(state.body().size() == 8);
  press(state, {Key::down, Key::down});
  CHECK(state.body()[state.selected()].detail == 2);
  press(state, {Key::toggle});
  CHECK_FALSE(state.is_unfolded(0xb));
  CHECK(state.selected() == 1);
  press(state, {Key::unfold, Key::unfold});
  CHECK(state.is_unfolded(0xb));
  press(state, {Key::fold});
  CHECK_FALSE(state.is_unfolded(0xb));
}

TEST_CASE("another order shows its worst first") {
  ViewState state;
  show(state);
  press(state, {Key::last, Key::by_lost});
  CHECK(state.order() == Order::lost);
  CHECK(state.selected() == 0);
  press(state, {Key::by_held});
  CHECK(state.order() == Order::held);
  press(state, {Key::by_waiters});
  CHECK(state.order() == Order::waiters);
  press(state, {Key::by_waited});
  CHECK(state.order() == Order::longest);
  press(state, {Key::by_roots});
  CHECK(state.order() == Order::roots);
}

TEST_CASE("any key leaves the help and does nothing else, but q quits") {
  ViewState state;
  show(state);
  press(state, {Key::help});
  CHECK(state.shows_help());
  press(state, {Key::down});
  CHECK_FALSE(state.shows_help());
  CHECK(state.selected() == 0);
  press(state, {Key::help, Key::quit});
  CHECK(state.has_quit());
}

TEST_CASE("no key does harm where there are no rows, or no room") {
  ViewState state;
  const auto all = {Key::other, Key::up,   Key::down,   Key::page_up, Key::page_down,
                    Key::first, Key::last, Key::toggle, Key::unfold,  Key::fold};
  for (const Key key : all) {
    state.show({}, {}, 0);
    state.handle(key);
    state.show({}, {}, 10);
    CHECK(state.body().empty());
  }
  for (const Key key : all) {
    show(state, kLocks, 0);
    state.handle(key);
  }
}

TEST_CASE("keys") {
  CHECK(key_of_character('q') == Key::quit);
  CHECK(key_of_character('\r') == Key::toggle);
  CHECK(key_of_character(' ') == Key::toggle);
  CHECK(key_of_character('j') == Key::down);
  CHECK(key_of_character('z') == Key::other);
  CHECK(key_of_character(-1) == Key::other);
}

}  // namespace
}  // namespace holdwatch::top
