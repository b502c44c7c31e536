// Writes the reports of an inspection: text to standard output, JSON lines to a file or to standard output instead of
// the text.
// Cold context.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "symbolizer/report/color.h"
#include "symbolizer/tools/inspect/observation.h"

namespace holdwatch {

class InspectionOutput {
 public:
  // `json` is a path, "-" or empty.
  InspectionOutput(std::string json, ColorWhen color)
      : json_path_(std::move(json)), is_colored_(tool_uses_color(color, STDOUT_FILENO)) {}
  InspectionOutput(const InspectionOutput&) = delete;
  InspectionOutput& operator=(const InspectionOutput&) = delete;
  ~InspectionOutput();

  // False with the reason if the file cannot be written to.
  bool open(std::string& why);
  void report(const Report& report);
  // For a report that is true but not a finding; the summary mentions it.
  void leave_out(const std::string& why);
  // The last lines: what was left out, how many threads wait, and what the inspection cost. To standard error if JSON
  // goes to standard output.
  void summary(const Observation& seen, uint64_t took_ns, const std::string& effect_on_process);
  bool close(std::string& why);

 private:
  void write_json(std::string_view line);
  bool only_json() const { return json_path_ == "-"; }

  std::string json_path_;
  bool is_colored_;
  int json_ = -1;  // a descriptor, so that each line is one write
  int json_error_ = 0;
  size_t left_out_ = 0;
  std::string why_left_out_;
};

}  // namespace holdwatch
