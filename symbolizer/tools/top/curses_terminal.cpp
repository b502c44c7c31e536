// See terminal.h. Its signal handlers are never used: the signals that matter are blocked and
// read (signals.h), and its handlers are replaced by what was there before.
#include <langinfo.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <string>
#include <string_view>

#include "symbolizer/tools/top/crash_rescue.h"
#include "symbolizer/tools/top/signals.h"
#include "symbolizer/tools/top/terminal.h"

// After all others: it defines macros with common names.
#define NCURSES_NOMACROS
#define NCURSES_WIDECHAR 1
#include <curses.h>

namespace holdwatch::top {
namespace {

// Of color pairs.
enum Pair : short { kAlarmPair = 1, kWarningPair, kDimPair, kHeadingPair };

// ncurses takes those that have no handler yet.
class KeptHandlers {
 public:
  KeptHandlers() {
    for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], nullptr, &before_[i]);
  }
  void put_back() const {
    for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
  std::array<struct sigaction, kSignals.size()> before_{};
};

class CursesTerminal final : public Terminal {
 public:
  // Null if terminfo does not know the terminal, or it cannot address its cursor.
  static std::unique_ptr<Terminal> open_screen(bool is_colored);
  ~CursesTerminal() override;

  ScreenSize size() const override;
  void draw(std::vector<Line> lines) override;
  std::optional<Key> read_key() override;
  void resize() override;
  void forget_contents() override { clearok(curscr, TRUE); }
  void leave() override;

 private:
  explicit CursesTerminal(SCREEN* screen) : screen_(screen) {}
  void set_up(bool is_colored);
  attr_t attributes_of(Style style) const;
  void draw_line(int row, const Line& line) const;

  SCREEN* const screen_;
  bool is_colored_ = false;
  bool is_utf8_ = false;
};

std::unique_ptr<Terminal> CursesTerminal::open_screen(bool is_colored) {
  setlocale(LC_CTYPE, "");
  termios modes{};
  tcgetattr(STDIN_FILENO, &modes);
  const KeptHandlers handlers;
  SCREEN* const screen = newterm(nullptr, stdout, stdin);
  handlers.put_back();
  if (screen == nullptr) return nullptr;
  std::unique_ptr<CursesTerminal> terminal(new CursesTerminal(screen));
  if (!can_address_cursor()) return nullptr;
  prepare_for_crashes(modes);
  terminal->set_up(is_colored);
  return terminal;
}

void CursesTerminal::set_up(bool is_colored) {
  is_utf8_ = std::string_view(nl_langinfo(CODESET)) == "UTF-8";
  cbreak();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  set_escdelay(25);
  curs_set(0);
  if (!is_colored || !has_colors() || start_color() == ERR) return;
  is_colored_ = true;
  use_default_colors();
  init_pair(kAlarmPair, COLOR_RED, -1);
  init_pair(kWarningPair, COLOR_YELLOW, -1);
  init_pair(kDimPair, COLOR_CYAN, -1);
  init_pair(kHeadingPair, COLOR_BLACK, COLOR_GREEN);
}

// In the background the terminal is others', and was left to them when we were stopped.
CursesTerminal::~CursesTerminal() {
  leave();
  delscreen(screen_);
  forget_crashes();
}

void CursesTerminal::leave() {
  if (!isendwin() && is_in_foreground()) endwin();
}

ScreenSize CursesTerminal::size() const {
  return {static_cast<size_t>(std::max(getmaxx(stdscr), 0)), static_cast<size_t>(std::max(getmaxy(stdscr), 0))};
}

attr_t CursesTerminal::attributes_of(Style style) const {
  const auto color = [this](Pair pair) { return is_colored_ ? static_cast<attr_t>(COLOR_PAIR(pair)) : A_NORMAL; };
  switch (style) {
    case Style::plain:
      return A_NORMAL;
    case Style::strong:
      return A_BOLD;
    case Style::dim:
      return color(kDimPair);
    case Style::alarm:
      return color(kAlarmPair) | A_BOLD;
    case Style::warning:
      return color(kWarningPair) | A_BOLD;
    case Style::heading:
      return is_colored_ ? color(kHeadingPair) : A_REVERSE;
    case Style::sorted:
      return (is_colored_ ? color(kHeadingPair) : A_REVERSE) | A_BOLD | A_UNDERLINE;
  }
  return A_NORMAL;
}

void CursesTerminal::draw_line(int row, const Line& line) const {
  move(row, 0);
  for (const Span& span : line.spans) {
    // One color for the whole of the selected line: any other may be unreadable on it.
    attrset(static_cast<int>(line.is_selected ? A_REVERSE : attributes_of(span.style)));
    addstr((is_utf8_ ? span.text : ascii_of(span.text)).c_str());
  }
  attrset(static_cast<int>(A_NORMAL));
}

void CursesTerminal::draw(std::vector<Line> lines) {
  erase();
  for (size_t i = 0; i < lines.size(); ++i) draw_line(static_cast<int>(i), lines[i]);
  refresh();
}

std::optional<Key> CursesTerminal::read_key() {
  errno = 0;
  const int key = getch();
  switch (key) {
    case ERR:
      return errno == EIO ? std::optional(Key::quit) : std::nullopt;
    case KEY_UP:
      return Key::up;
    case KEY_DOWN:
      return Key::down;
    case KEY_PPAGE:
      return Key::page_up;
    case KEY_NPAGE:
      return Key::page_down;
    case KEY_HOME:
      return Key::first;
    case KEY_END:
      return Key::last;
    case KEY_ENTER:
      return Key::toggle;
    case KEY_RIGHT:
      return Key::unfold;
    case KEY_LEFT:
      return Key::fold;
    case KEY_F(1):
      return Key::help;
    default:
      return key_of_character(key);
  }
}

void CursesTerminal::resize() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return;
  resizeterm(size.ws_row, size.ws_col);
}

}  // namespace

std::unique_ptr<Terminal> Terminal::open(bool is_colored) {
  return CursesTerminal::open_screen(is_colored);
}

}  // namespace holdwatch::top
