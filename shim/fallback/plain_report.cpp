// See plain_report.h.
#include "shim/fallback/plain_report.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "shim/common/text/first_line.h"
#include "shim/common/text/text_buffer.h"
#include "shim/fallback/module_of.h"
#include "shim/inspection/loader_locks.h"
#include "shim/inspection/task_files.h"
#include "shim/own_threads/standard_error.h"
#include "shim/record/thread_table.h"

namespace holdwatch {
namespace {

bool g_wanted = true;

// The episodes that have a short report. Written by the watcher, read by the reporter, which reaches a request long after
// that.
constexpr size_t kEpisodes = 1024;
std::atomic<uint64_t> g_reported_episodes[kEpisodes] = {};

const char* access_name(LockRef lock, Access access) {
  if (lock.kind != LockKind::rwlock) return "";
  return access == Access::shared ? " for reading" : " for writing";
}

void write_first_line(const Finding& finding) {
  Line<512> text;
  append_first_line(finding, text);
  print_message(text);
}

// A finding made from the request, without reading anything of a thread except its name.
struct RequestFinding {
  Finding finding{};
  Holder holders[kMaxHolders] = {};
  Waiter longest{};

  void fill(const ReportRequest& request);

 private:
  void add_holder(const ReportRequest& request, size_t index);
  void add_waiters(const ReportRequest& request);
};

void RequestFinding::fill(const ReportRequest& request) {
  finding = {};
  finding.event = request.event;
  finding.phase = request.phase;
  finding.limit_ns = request.limit_ns;
  finding.released_by_holder = request.ended != nullptr;
  finding.lock = reported_lock(request.state.lock);
  finding.lock_id = request.tags[0].id;
  finding.lost_ns = request.lost_ns;
  finding.threads_delayed = request.threads_delayed;
  finding.behind_threads = request.behind.threads;
  finding.behind_longest_ns = request.behind.longest_ns;
  finding.behind_lost_ns = request.behind_lost_ns;
  if (has_ended(request.phase)) finding.threads_seen = request.threads_seen;
  finding.passed.holds = request.passed.holds;
  finding.passed.tid = request.passed.tid;
  finding.holders = holders;
  finding.waiters = &longest;
  for (size_t i = 0; i < request.state.holder_count; ++i) add_holder(request, i);
  if (!is_cycle(request.event))
    std::sort(holders, holders + finding.holder_count, [&](const Holder& a, const Holder& b) {
      const bool is_front = a.tid == request.behind.front, other_is = b.tid == request.behind.front;
      return is_front != other_is ? is_front : a.held_ns > b.held_ns;
    });
  add_waiters(request);
  if (finding.passed.holds > 0) read_thread_name(finding.passed.tid, finding.passed.thread);
}

void RequestFinding::add_holder(const ReportRequest& request, size_t index) {
  const HolderState& state = request.state.holders[index];
  Holder& holder = holders[finding.holder_count++] = Holder{};
  holder.tid = state.hold.tid;
  holder.pid = state.pid;
  if (state.hold.gone) {
    holder.state = ThreadState::gone;
    std::memcpy(holder.thread, record_at(state.hold.identity.record)->gone_name, kThreadNameSize - 1);
  } else {
    std::memcpy(holder.thread, request.names[index], sizeof holder.thread);
  }
  holder.lock_id = request.tag_of_holder(index).id;
  holder.acquired = acquired_how(state);
  holder.access = state.hold.word.access();
  holder.held_ns = request.held_ns[index];
  holder.waited_ns = request.holder_waits_ns[index];
  holder.waits_since_before_attach = state.waits_since_before;
  holder.likely = state.likely;
}

void RequestFinding::add_waiters(const ReportRequest& request) {
  longest = {};
  size_t waiting = 0;
  for (size_t i = 0; i < request.state.waiter_count; ++i) {
    const WaitView& wait = request.state.waiters[i];
    if (wait.word.condition()) continue;
    if (waiting++ > 0 && request.waited_ns[i] <= longest.waited_ns) continue;
    longest.tid = wait.tid;
    longest.access = wait.word.access();
    longest.waited_ns = request.waited_ns[i];
    longest.tries = wait.tries;
  }
  if (waiting == 0) return;
  read_thread_name(longest.tid, longest.thread);
  finding.waiter_count = 1;
  finding.waiters_left_out = waiting - 1 + request.state.waiters_left_out;
}

constinit RequestFinding g_request_finding;  // the watcher's

}  // namespace

void set_plain_reports_wanted(bool wanted) {
  g_wanted = wanted;
}

bool had_fallback_report(uint64_t episode) {
  return g_reported_episodes[episode % kEpisodes].load(std::memory_order_relaxed) == episode;
}

void write_plain_first_line(const ReportRequest& request) {
  if (!g_wanted) return;
  g_reported_episodes[request.episode % kEpisodes].store(request.episode, std::memory_order_relaxed);
  g_request_finding.fill(request);
  write_first_line(g_request_finding.finding);
}

void append_plain_first_line(const ReportRequest& request, TextBuffer& out) {
  g_request_finding.fill(request);
  append_first_line(g_request_finding.finding, out);
}

void write_plain_notice(std::string_view line) {
  if (g_wanted) print_message(line);
}

void write_plain_report(const Finding& finding) {
  if (!g_wanted) return;
  write_first_line(finding);
  if (finding.phase == Phase::still || finding.phase == Phase::released) return;
  for (size_t i = 0; i < finding.holder_count; ++i) {
    for (uint32_t site = 0; site < finding.holders[i].site_count; ++site) {
      Line<512> text;
      text << "  taken by " << finding.holders[i].tid << "  #" << site << ' ';
      append_module_then(finding.holders[i].sites[site].pc, finding.holders[i].acquired_when.from_ns, text);
      print_message(text);
    }
  }
  constexpr size_t kShown = 8;
  for (size_t i = 0; i < std::min(finding.waiter_count, kShown); ++i) {
    const Waiter& waiter = finding.waiters[i];
    Line<512> text;
    text << "  waits     " << waiter.tid << access_name(finding.lock, waiter.access) << ", "
         << Duration{waiter.waited_ns} << "  ";
    if (waiter.stack != nullptr && waiter.stack->count > 0) append_module_of(waiter.stack->frames[0].pc, text);
    print_message(text);
  }
}

}  // namespace holdwatch
