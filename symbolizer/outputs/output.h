// The destinations of rendered reports: one class for each kind. None throws, and none blocks longer than its
// destination does; what could not be written is counted, with the reason.
// Cold context; one thread. That thread has all signals blocked, so that writing to a pipe or socket without a reader
// leaves at most a SIGPIPE pending on it, which is never delivered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "symbolizer/report/severity.h"

namespace holdwatch {

struct Message {
  std::string_view text;  // whole lines, each with its newline
  Severity severity = Severity::warning;
  const Report* report = nullptr;  // the report in the text, null for a notice of holdwatch's own
};

class Output {
 public:
  Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  virtual ~Output() = default;

  // As in the option: "stderr", "syslog" or a path.
  virtual std::string name() const = 0;

  // Whether a report may be written in two parts: true if readers see consecutive lines, false if they see separate
  // messages.
  virtual bool takes_lines() const { return true; }

  // An errno value if nothing could be written at present, otherwise 0. Creates and sends nothing.
  virtual int probe() const = 0;

  void write(const Message& message) {
    const int reason = try_write(message);
    failing_ = reason != 0;
    if (!failing_) {
      failure_reported_ = false;
      return;
    }
    reason_ = reason;
    if (message.report != nullptr) ++lost_;
  }

  // Reports that could not be written and have not been mentioned in a line yet.
  struct Losses {
    uint64_t reports;
    int reason;  // errno of the latest
  };

  // The losses to mention now: the first loss at once, later ones as a count when the destination works again; with
  // `final`, all. Zero reports if there is nothing to mention.
  Losses take_losses(bool final) {
    if (failing_ && failure_reported_ && !final) return {0, 0};
    failure_reported_ = failing_;
    return {std::exchange(lost_, 0), reason_};
  }

  bool failing() const { return failing_; }  // the latest message could not be written

 private:
  // Returns 0 or an errno value.
  virtual int try_write(const Message& message) = 0;

  bool failing_ = false;
  bool failure_reported_ = false;
  uint64_t lost_ = 0;
  int reason_ = 0;
};

}  // namespace holdwatch
