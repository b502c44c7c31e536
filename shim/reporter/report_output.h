// Where the reporter's lines go: through the symbolizer to its outputs, or in short form to standard error where it is not
// loaded or must not be called.
// Cold context (reporter). May block for as long as a library or an output does.
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/reporter/symbolizer_link.h"

namespace holdwatch {

class ReportOutput {
 public:
  // Loads the symbolizer; takes the loader's lock.
  void open(const Settings& settings);
  // Ends the symbolizer's outputs.
  void close();
  // In a child of fork: a new symbolizer will be loaded, and the old one's memory is left alone.
  void forget() { symbolizer_ = {}; }

  // Null where there is none. It opens files, so that under a filter of system calls it must not be called.
  const SymbolizerApi* api() const;
  void* self() const { return symbolizer_.self; }

  // False: the first line is not out yet.
  bool write_first_line(const Finding& finding);
  // `first_line_said`: set by whoever writes the report, the fallback reporter among them.
  void write(const Finding& finding, std::atomic<bool>& first_line_said);

  // Writes what has not been reported, and why.
  void flush();
  // Gives back what the next report needs anew.
  void trim();

 private:
  void write_notice(const char* line);
  void note_filter_once();

  HostCalls host_{};
  LoadedSymbolizer symbolizer_{};
  uint64_t lost_said_ = 0;
  bool filter_said_ = false;
};

}  // namespace holdwatch
