// From addresses to functions, files and lines, with inlined frames and the source line's text.
// Cold context only. Only this folder uses libelf and libdw. It reads files, never a module's memory (except for the
// vdso, which is not a file), keeps no descriptor open between calls, and never uses the network (debuginfod).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "shim/common/contract/settings.h"
#include "symbolizer/symbols/debug_search.h"
#include "symbolizer/symbols/frame_values.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// One frame as shown to a reader. Empty strings and line 0 mean "unknown".
struct Frame {
  uintptr_t ip = 0;
  std::string module;    // path of the module, empty if the address belongs to none
  uintptr_t offset = 0;  // the address as the module's file counts it
  std::string build_id;
  std::string function;  // demangled, with parameters if the symbol has them
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

  // A new report begins: its look-ups get the full time again.
  void begin_report();
  void begin_report(std::chrono::milliseconds timeout);
  // Whether, since then, debug data that exists was not used, because there was no time to read it.
  bool lacks_debug_data() const;

  // The frames at `pc`, innermost inlined function first, the function itself last; always at least one. If `exact` is
  // false, `pc` is a return address and the call before it is meant. `module` is the module that contains pc, or null.
  // A name is given only if the file is proven to be the one that is mapped and the symbol covers the address.
  std::vector<Frame> resolve(uintptr_t pc, bool exact, const Module* module);

  // The variable that contains `address`: its name, with "+16" if the address is not its beginning. Empty if it is not known.
  std::string variable(uintptr_t address, const Module* module);

  // The name of a lock that a variable contains: "server.connections[3].mutex" if the debug data describes the variable in the unit
  // of the code at `pc`, which is that of a frame, and otherwise as above. `lock_module` and `module` are those that contain the lock
  // and pc, or null.
  std::string lock_variable(const LockRef& lock, const Module* lock_module, uintptr_t pc, bool exact,
                            const Module* module);

  // The name of a lock that is part of an object which the frame at `pc` has in a variable or points to, by the type of that:
  // "Room::members_mutex". Empty if it is not known.
  std::string lock_in_frame(const LockRef& lock, uintptr_t pc, bool exact, const Module* module, FrameValues frame);

  // Frees what is cached.
  void trim();

 private:
  struct State;

  template <typename Ask>
  std::string name_in(const Module* module, Ask ask);

  std::unique_ptr<State> state_;
};

}  // namespace holdwatch
