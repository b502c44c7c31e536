// Where the reporter's lines go: through the symbolizer to its outputs, or, if that is not loaded or must not be
// called, in short form to standard error.
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

  // Null if there is none. The symbolizer opens files, so it must not be called under a filter of system calls.
  const SymbolizerApi* api() const;
  void* self() const { return symbolizer_.self; }

  // False if the first line has not been written yet.
  bool write_first_line(const Finding& finding);
  // `first_line_written`: set by whichever thread writes the report, which may be the fallback reporter's.
  ReportOutcome write(const Finding& finding, std::atomic<bool>& first_line_written);

  // Writes what has not been reported, and why. Returns after how many ns it is to be called again; UINT64_MAX: never.
  uint64_t flush(bool ends);
  // Frees memory that the next report can allocate again.
  void trim();

 private:
  void write_notice(const char* line);
  void note_filter_once();

  HostCalls host_{};
  LoadedSymbolizer symbolizer_{};
  uint64_t lost_reported_ = 0;
  bool filter_notice_written_ = false;
};

}  // namespace holdwatch
