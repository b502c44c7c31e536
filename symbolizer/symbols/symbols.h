// Addresses to functions, files and lines, with inlined frames and the source line's text, through libdw.
// Cold context only. The one file pair that knows libdw; never looks at a module's memory, only at files.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shim/base/settings.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// One frame as a reader sees it. Empty strings and line 0 mean "not known".
struct Frame {
  uintptr_t ip = 0;
  std::string module;      // path of the module, empty if the address belongs to none
  uintptr_t offset = 0;    // the address as the module's file counts it
  std::string build_id;
  std::string function;    // demangled, with parameters where the symbol has them
  std::string file;
  int line = 0;
  std::string source;      // the line's text, without its leading white space
  bool inlined = false;    // inlined into the frame that follows
};

class Symbols {
 public:
  explicit Symbols(Symbolize how);
  ~Symbols();

  // The frames at `pc`, innermost inlined function first, the function itself last; always at least one. If `exact` is
  // false, `pc` is a return address and the call before it is meant. `module` is what contains pc, or null.
  std::vector<Frame> resolve(uintptr_t pc, bool exact, const Module* module);

  // Gives back what is cached.
  void trim();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdwatch
