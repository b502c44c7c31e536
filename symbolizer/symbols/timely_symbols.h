// Symbols that say whether a name is missing only because there was no time to read its module: for who draws conclusions from names.
// Cold context only.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "symbolizer/symbols/deadline.h"
#include "symbolizer/symbols/symbols.h"

namespace holdwatch {

class TimelySymbols {
 public:
  // Must outlive this object.
  explicit TimelySymbols(Symbols& symbols) : symbols_(symbols) {}

  // See Symbols::begin_report. Our deadline passes before theirs.
  void begin_report() {
    deadline_.restart();
    symbols_.begin_report();
    lacks_modules_ = false;
  }

  // See Symbols::resolve.
  std::vector<Frame> resolve(uintptr_t pc, bool exact, const Module* module) {
    std::vector<Frame> frames = symbols_.resolve(pc, exact, module);
    if (module == nullptr) return frames;
    if (!deadline_.look())
      read_.insert(module->start);
    else if (!read_.contains(module->start))
      lacks_modules_ = true;
    return frames;
  }

  // Whether some module was too late since the report began.
  bool lacks_modules() const { return lacks_modules_; }

 private:
  Symbols& symbols_;
  Deadline deadline_{DebugSearch{}.timeout};
  std::set<uintptr_t> read_;  // modules, by their addresses
  bool lacks_modules_ = false;
};

}  // namespace holdwatch
