// Writes rendered reports to the outputs of LOG and JSON, enforces RATE, and runs ON_REPORT.
// Cold context only; one thread, with all signals blocked. The only pair of files that uses spdlog.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "shim/common/contract/settings.h"
#include "symbolizer/report/report.h"

namespace holdwatch {

// Called before and after whatever is written for one report: see HostCalls. Null: nobody wants to know.
struct WritingCalls {
  void (*begins)() = nullptr;
  void (*ends)() = nullptr;
};

class Emitter {
 public:
  // Receives what cannot be used (the option, the path, the reason), and what is done instead.
  using Complain = std::function<void(const char* what, const char* instead)>;

  // Opens nothing yet: a file is opened at the first report. A destination that cannot be opened is replaced right
  // away, with one message: to `complain`, or, without one, to stderr.
  explicit Emitter(const Settings& settings, const Complain& complain = {}, WritingCalls writing = {});
  ~Emitter();

  // Whether RATE admits such a report. Call it before anything is looked up for the report; otherwise emit calls it. If
  // no emit follows, nothing was admitted.
  bool admit(Event event, Phase phase, uint64_t episode);

  // Renders and writes. Returns the two texts through the pointers if they are not null (for the program's callback);
  // returns false if RATE suppressed the report. Never throws. Does not return if ON_REPORT is `abort`.
  bool emit(const Report& report, std::string* text, std::string* json);

  // Writes the first line of the admitted report to text outputs that take single lines; emit then writes the rest of
  // the report, which begins with this line. Returns false if nothing was written.
  bool write_first_line(const Report& facts);

  // Writes a line that is not a report to the text output. Never throws.
  void notice(std::string_view line);

  // Writes how many reports RATE has suppressed and how many could not be written, if any.
  void flush();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdwatch
