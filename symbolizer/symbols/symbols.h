// Addresses to functions, files and lines, with inlined frames and the source line's text.
// Cold context only. This folder alone knows libelf and libdw. It reads files, never a module's memory (but for the
// vdso, which is no file), keeps no descriptor open between calls, and never asks the network (debuginfod).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shim/common/contract/settings.h"
#include "symbolizer/symbols/debug_search.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// One frame as a reader sees it. Empty strings and line 0 mean "not known".
struct Frame {
  uintptr_t ip = 0;
  std::string module;    // path of the module, empty if the address belongs to none
  uintptr_t offset = 0;  // the address as the module's file counts it
  std::string build_id;
  std::string function;  // demangled, with parameters where the symbol has them
  std::string file;
  int line = 0;
  std::string source;    // the line's text, without its leading white space
  bool inlined = false;  // inlined into the frame that follows
  bool is_rust = false;  // the function is one of Rust's
};

class Symbols {
 public:
  explicit Symbols(Symbolize how, DebugSearch search = {});
  ~Symbols();

  // What follows is for another report: it has the whole time again.
  void begin_report();

  // The frames at `pc`, innermost inlined function first, the function itself last; always at least one. If `exact` is
  // false, `pc` is a return address and the call before it is meant. `module` is what contains pc, or null.
  // A name is given only if the file at hand is proven to be the one that is mapped and the symbol covers the address.
  std::vector<Frame> resolve(uintptr_t pc, bool exact, const Module* module);

  // Gives back what is cached.
  void trim();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdwatch
