// See report_output.h.
#include "shim/reporter/report_output.h"

#include "shim/base/unloads.h"
#include "shim/base/upcalls.h"
#include "shim/common/text/text_buffer.h"
#include "shim/fallback/plain_report.h"
#include "shim/handoff/reporter_start.h"
#include "shim/handoff/wanted_reports.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/own_threads/standard_error.h"
#include "shim/record/call_sites.h"
#include "shim/record/ended_holds.h"
#include "shim/record/learnt_enders.h"
#include "shim/record/repeated_waits.h"
#include "shim/reporter/clean_pages.h"
#include "shim/reporter/report_callback.h"
#include "shim/reporter/writing.h"

namespace holdwatch {
namespace {

// The symbolizer could not determine which function acquired a lock at this site.
void copy_stacks_at(uintptr_t pc) {
  note_site(pc, SiteKind::copies);
}

}  // namespace

void ReportOutput::open(const Settings& settings) {
  const auto complain = is_listening_for_startup_messages() ? &add_startup_refusal : nullptr;
  host_ = {&call_report_callback,    &copy_stacks_at,   &end_trial,   &want_report_at,
           &want_condition_waits,    &unloaded_between, complain,     kUpcalls.before_exit,
           &begin_writing,           &end_writing,      &learnt_ends, &repeated_wait,
           standard_error_at_start()};
  symbolizer_ = load_symbolizer(settings, host_);
}

void ReportOutput::close() {
  if (symbolizer_.api != nullptr) symbolizer_.api->destroy(symbolizer_.self);
  symbolizer_ = {};
}

const SymbolizerApi* ReportOutput::api() const {
  return calls_filtered() ? nullptr : symbolizer_.api;
}

bool ReportOutput::write_first_line(const Finding& finding) {
  const SymbolizerApi* const symbolizer = api();
  return symbolizer != nullptr && symbolizer->write_first_line(self(), &finding);
}

ReportOutcome ReportOutput::write(const Finding& finding, std::atomic<bool>& first_line_written) {
  const SymbolizerApi* const symbolizer = api();
  const ReportOutcome outcome = symbolizer == nullptr ? ReportOutcome::failed : symbolizer->report(self(), &finding);
  if (outcome == ReportOutcome::failed && !first_line_written.exchange(true)) write_plain_report(finding);
  note_filter_once();
  return outcome;
}

void ReportOutput::write_notice(const char* line) {
  if (const SymbolizerApi* const symbolizer = api(); symbolizer != nullptr)
    symbolizer->notice(self(), line);
  else
    write_plain_notice(line);
}

void ReportOutput::note_filter_once() {
  if (!calls_filtered() || filter_notice_written_) return;
  filter_notice_written_ = true;
  write_plain_notice(
      "the program has installed a seccomp filter: from now on reports go to standard error only, without names and "
      "without the holder's position");
}

uint64_t ReportOutput::flush(bool ends) {
  const SystemCallScope calls;
  const uint64_t lost = ended_holds_lost();
  if (lost != lost_reported_) {
    char line[kNoteSize];
    TextBuffer text(line, sizeof line);
    const uint64_t more = lost - lost_reported_;
    text << more << (more == 1 ? " more hold over its limit was" : " more holds over their limit were")
         << " not reported: too many ended at once";
    lost_reported_ = lost;
    write_notice(line);
  }
  const SymbolizerApi* const symbolizer = api();
  return symbolizer == nullptr ? UINT64_MAX : symbolizer->flush(self(), ends);
}

void ReportOutput::trim() {
  const SystemCallScope calls;
  const SymbolizerApi* const symbolizer = api();
  if (symbolizer == nullptr) return;
  symbolizer->trim(self());
  drop_clean_pages();
}

}  // namespace holdwatch
