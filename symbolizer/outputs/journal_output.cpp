// See journal_output.h.
#include "symbolizer/outputs/journal_output.h"

#include <fmt/format.h>

#include <cerrno>

#include "symbolizer/outputs/datagram.h"
#include "symbolizer/report/headline.h"
#include "symbolizer/report/report_names.h"

namespace holdwatch {
namespace {

std::string_view message_id(Event event) {
  switch (event) {
#define HOLDWATCH_EVENT(name, ending, journal_id) \
  case Event::name:                               \
    return journal_id;
#include "shim/common/contract/events.def"
#undef HOLDWATCH_EVENT
  }
  return "";
}

// "NAME=value\n", or for a value with newlines the name, its length in 64 bits little-endian, and the bytes.
void add_field(std::string& entry, std::string_view name, std::string_view value) {
  entry += name;
  if (value.find('\n') == std::string_view::npos) {
    entry += '=';
  } else {
    entry += '\n';
    for (unsigned shift = 0; shift < 64; shift += 8) entry += static_cast<char>(value.size() >> shift & 0xFF);
  }
  entry += value;
  entry += '\n';
}

void add_number(std::string& entry, std::string_view name, uint64_t value) {
  add_field(entry, name, std::to_string(value));
}

void add_report_fields(std::string& entry, const Report& report) {
  add_field(entry, "MESSAGE_ID", message_id(report.event));
  add_field(entry, "HOLDWATCH_EVENT", event_name(report.event));
  add_field(entry, "HOLDWATCH_PHASE", phase_name(report.phase));
  add_field(entry, "HOLDWATCH_LOCK", report.lock_id);
  if (!report.lock_name.empty()) add_field(entry, "HOLDWATCH_LOCK_NAME", report.lock_name);
  add_number(entry, "HOLDWATCH_EPISODE", report.episode);
  add_field(entry, "HOLDWATCH_FINGERPRINT", report.fingerprint);
  add_number(entry, "HOLDWATCH_WAITERS", waiting_threads(report));
  // The thread and duration of the headline: the waiter's if it is about a wait, otherwise the holder's.
  if (is_about_waits(report.event) && !report.waiters.empty()) {
    const ReportWaiters& group = report.waiters.front();
    add_field(entry, "HOLDWATCH_TID", std::to_string(group.tids.front()));
    add_field(entry, "HOLDWATCH_THREAD", group.threads.front());
    add_number(entry, "HOLDWATCH_DURATION_NS", group.longest_ns);
  } else if (!is_about_waits(report.event) && !report.holders.empty()) {
    const ReportHolder& holder = report.holders.front();
    add_field(entry, "HOLDWATCH_TID", std::to_string(holder.tid));
    add_field(entry, "HOLDWATCH_THREAD", holder.thread);
    add_number(entry, "HOLDWATCH_DURATION_NS", holder.held_ns);
  }
}

// Without the tag: the journal itself shows identifier and pid.
std::string_view without_tag(std::string_view text) {
  const size_t end = text.find("]: ");
  if (text.starts_with("holdwatch[") && end != std::string_view::npos) text.remove_prefix(end + 3);
  while (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string journal_entry(const Message& message) {
  std::string entry;
  add_field(entry, "MESSAGE", without_tag(message.text));
  add_field(entry, "PRIORITY", std::to_string(static_cast<int>(message.severity)));
  add_field(entry, "SYSLOG_IDENTIFIER", "holdwatch");
  if (message.report != nullptr) add_report_fields(entry, *message.report);
  return entry;
}

int JournalOutput::probe() const {
  return probe_socket(socket_path_);
}

int JournalOutput::try_write(const Message& message) {
  const std::string entry = journal_entry(message);
  const int reason = send_datagram(socket_path_, entry);
  return reason == EMSGSIZE || reason == ENOBUFS ? send_as_file(socket_path_, entry) : reason;
}

}  // namespace holdwatch
