// See plain_report.h.
#include "shim/watch/plain_report.h"

#include <pthread.h>

#include <algorithm>

#include "shim/base/say.h"
#include "shim/base/text_buffer.h"
#include "shim/capture/task_files.h"
#include "shim/watch/module_of.h"

namespace holdwatch {
namespace {

bool g_wanted = true;

const char* kind_name(LockKind kind) {
  return kind == LockKind::mutex ? "mutex" : "rwlock";
}

const char* access_name(LockRef lock, Access access) {
  if (lock.kind == LockKind::mutex) return "";
  return access == Access::shared ? " for reading" : " for writing";
}

// What a first line says, whoever says it.
struct Headline {
  Event event;
  Phase phase;
  int tid;
  const char* thread;  // its name, empty if not known
  LockRef lock;
  uint32_t lock_id;
  Access access;
  uint64_t duration_ns;
  uint64_t limit_ns;
  size_t waiting;
  uint64_t lost_ns;
  bool likely;
};

void append_thread(const Headline& line, TextBuffer& out) {
  out << line.tid;
  if (line.thread != nullptr && line.thread[0] != '\0') out << " \"" << line.thread << '"';
}

void append_headline(const Headline& line, TextBuffer& out) {
  if (line.event == Event::wait) {
    out << "thread ";
    append_thread(line, out);
    out << (line.phase == Phase::released ? " has stopped waiting for " : " waits for ");
    out << kind_name(line.lock.kind) << " L" << line.lock_id << ", " << Duration{line.duration_ns} << " (limit "
        << Duration{line.limit_ns} << ")";
    return;
  }
  if (line.phase == Phase::released) {
    out << "L" << line.lock_id << " released by ";
    append_thread(line, out);
    out << " after " << Duration{line.duration_ns} << "; waiting threads lost " << Duration{line.lost_ns};
    return;
  }
  const char* verb = line.phase == Phase::late    ? " held "
                     : line.phase == Phase::still ? " still holds "
                     : line.likely                ? " has likely held "
                                                  : " has held ";
  out << "thread ";
  append_thread(line, out);
  if (line.event == Event::abandoned) out << ", which has ended,";
  out << verb << kind_name(line.lock.kind) << " L" << line.lock_id << access_name(line.lock, line.access) << ' '
      << Duration{line.duration_ns} << " (limit " << Duration{line.limit_ns} << ")";
  if (line.phase != Phase::late) out << "; " << line.waiting << (line.waiting == 1 ? " thread waits" : " threads wait");
}

// A circle's first line: as many of its threads as are named, in their order.
struct CircleLine {
  static constexpr size_t kNamed = 4;
  Phase phase;
  struct Step {
    int tid;
    uint32_t lock_id;
  } steps[kNamed + 1];  // one more, for which the last one waits
  size_t count;         // of all the circle's threads
  size_t waiting;       // others
};

void append_named_thread(int tid, TextBuffer& out) {
  char name[kThreadNameSize] = "";
  read_thread_name(tid, name);
  out << tid;
  if (name[0] != '\0') out << " \"" << name << '"';
}

void append_locks(const CircleLine& line, TextBuffer& out) {
  for (size_t i = 0; i < std::min(line.count, CircleLine::kNamed); ++i)
    out << (i == 0 ? "L" : ", L") << line.steps[i].lock_id;
  if (line.count > CircleLine::kNamed) out << " ...";
}

void append_circle(const CircleLine& line, TextBuffer& out) {
  if (line.phase == Phase::still || line.phase == Phase::released) {
    out << "the deadlock of ";
    append_locks(line, out);
    out << (line.phase == Phase::still ? " goes on" : " is over");
  } else {
    out << "deadlock of " << line.count << (line.count == 1 ? " thread: " : " threads: ");
    for (size_t i = 0; i < std::min(line.count, CircleLine::kNamed); ++i) {
      if (i > 0) out << ", ";
      append_named_thread(line.steps[i].tid, out);
      out << " holds L" << line.steps[i].lock_id << " and waits for L" << line.steps[i + 1].lock_id;
    }
    if (line.count > CircleLine::kNamed) out << ", and " << line.count - CircleLine::kNamed << " more";
  }
  if (line.phase == Phase::released) return;
  if (line.waiting == 0) {
    out << "; nobody else waits";
  } else {
    out << "; " << line.waiting << (line.waiting == 1 ? " other thread waits" : " other threads wait");
  }
}

// `step(i)` is the circle's thread with this number and the id of the lock that it holds.
template <typename StepAt>
void say_circle(Phase phase, size_t count, size_t waiting, StepAt step) {
  CircleLine line{phase, {}, count, waiting};
  for (size_t i = 0; i < std::size(line.steps) && i <= count; ++i) line.steps[i] = step(i % count);
  Line<512> text;
  append_circle(line, text);
  say(text);
}

void say_headline(const Finding& finding) {
  if (is_circle(finding.event)) {
    return say_circle(finding.phase, finding.holder_count, finding.waiter_count + finding.waiters_left_out,
                      [&](size_t i) -> CircleLine::Step {
                        return {finding.holders[i].tid, finding.holders[i].lock_id};
                      });
  }
  Headline line{};
  line.event = finding.event;
  line.phase = finding.phase;
  line.lock = finding.lock;
  line.lock_id = finding.lock_id;
  line.limit_ns = finding.limit_ns;
  line.waiting = finding.waiter_count + finding.waiters_left_out;
  line.lost_ns = finding.lost_ns;
  if (is_about_holds(finding.event) && finding.holder_count > 0) {
    line.tid = finding.holders[0].tid;
    line.thread = finding.holders[0].thread;
    line.access = finding.holders[0].access;
    line.duration_ns = finding.holders[0].held_ns;
    line.likely = finding.holders[0].likely;
  } else if (finding.waiter_count > 0) {
    line.tid = finding.waiters[0].tid;
    line.thread = finding.waiters[0].thread;
    line.duration_ns = finding.waiters[0].waited_ns;
  }
  Line<512> headline;
  append_headline(line, headline);
  say(headline);
}

}  // namespace

void set_plain_reports_wanted(bool wanted) {
  g_wanted = wanted;
}

void write_plain_first_line(const Job& job) {
  if (!g_wanted) return;
  const LockState& state = job.state;
  const auto waiting = static_cast<size_t>(std::count_if(state.waiters, state.waiters + state.waiter_count,
                                                         [](const WaitView& wait) { return !wait.word.condition(); }));
  if (is_circle(job.event)) {
    return say_circle(job.phase, state.holder_count, waiting, [&](size_t i) -> CircleLine::Step {
      const HoldView& hold = state.holders[i].hold;
      return {hold.tid, job.tags[i].id};
    });
  }
  Headline line{};
  line.event = job.event;
  line.phase = job.phase;
  line.lock = {state.lock.address(), state.lock.kind()};
  line.lock_id = job.tags[0].id;
  line.limit_ns = job.limit_ns;
  line.lost_ns = job.lost_ns;
  for (size_t i = 0; i < state.holder_count; ++i) {
    if (!is_about_holds(job.event) || job.held_ns[i] < line.duration_ns) continue;
    line.tid = state.holders[i].hold.tid;
    line.access = state.holders[i].hold.word.access();
    line.duration_ns = job.held_ns[i];
    line.likely = state.holders[i].likely;
  }
  line.waiting = waiting;
  for (size_t i = 0; i < state.waiter_count; ++i) {
    if (state.waiters[i].word.condition()) continue;
    if (job.event != Event::wait || job.waited_ns[i] < line.duration_ns) continue;
    line.tid = state.waiters[i].tid;
    line.duration_ns = job.waited_ns[i];
  }
  char name[kThreadNameSize] = "";
  read_thread_name(line.tid, name);
  line.thread = name;
  Line<512> text;
  append_headline(line, text);
  say(text);
}

void write_plain_notice(std::string_view line) {
  if (g_wanted) say(line);
}

void write_plain_report(const Finding& finding) {
  if (!g_wanted) return;
  say_headline(finding);
  if (finding.phase == Phase::still || finding.phase == Phase::released) return;
  for (size_t i = 0; i < finding.holder_count; ++i) {
    for (uint32_t site = 0; site < finding.holders[i].site_count; ++site) {
      Line<512> text;
      text << "  taken by " << finding.holders[i].tid << "  #" << site << ' ';
      append_module_of(finding.holders[i].sites[site].pc, text);
      say(text);
    }
  }
  constexpr size_t kShown = 8;
  for (size_t i = 0; i < std::min(finding.waiter_count, kShown); ++i) {
    const Waiter& waiter = finding.waiters[i];
    Line<512> text;
    text << "  waits     " << waiter.tid << access_name(finding.lock, waiter.access) << ", "
         << Duration{waiter.waited_ns} << "  ";
    if (waiter.stack != nullptr && waiter.stack->count > 0) append_module_of(waiter.stack->frames[0].pc, text);
    say(text);
  }
}

}  // namespace holdwatch
