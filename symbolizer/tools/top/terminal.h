// The terminal: drawing, keys, and leaving it as it was found, whatever happens.
// One object at a time. The destructor restores the terminal; so does a crash.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "symbolizer/tools/top/screen_text.h"
#include "symbolizer/tools/top/styled_text.h"
#include "symbolizer/tools/top/view_state.h"

namespace holdwatch::top {

class Terminal {
 public:
  // Null if the terminal cannot show more than lines of text: then these are printed. Standard input and output are terminals.
  static std::unique_ptr<Terminal> open(bool is_colored);
  virtual ~Terminal() = default;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  virtual ScreenSize size() const = 0;
  virtual void draw(std::vector<Line> lines) = 0;
  // Nothing if no key was pressed. After the terminal has gone: quit.
  virtual std::optional<Key> read_key() = 0;
  // Its size has changed.
  virtual void resize() = 0;
  // Everything is drawn anew the next time: others may have written to it.
  virtual void forget_contents() = 0;
  // Restored for others, until the next drawing.
  virtual void leave() = 0;

 protected:
  Terminal() = default;
};

}  // namespace holdwatch::top
