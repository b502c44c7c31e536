// Writes rendered reports to where LOG and JSON say, holds them to RATE, and runs ON_REPORT.
// Cold context only; may block for as long as the sink does. The one file pair that knows spdlog.
#pragma once

#include <memory>
#include <string>

#include "shim/base/settings.h"
#include "symbolizer/report/report.h"

namespace holdwatch {

class Emitter {
 public:
  // Opens nothing yet: a sink is opened at the first report. A sink that cannot be opened is replaced by stderr with one
  // line that names the option, the path and the reason.
  explicit Emitter(const Settings& settings);
  ~Emitter();

  // Renders and writes. Returns the two texts through the pointers if they are not null (for the program's callback);
  // returns false if RATE left the report out.
  bool emit(const Report& report, std::string* text, std::string* json);

  // Says what RATE has left out, if anything, and flushes the sinks.
  void flush();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdwatch
