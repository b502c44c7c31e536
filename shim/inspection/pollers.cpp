// See pollers.h.
#include "shim/inspection/pollers.h"

#include <algorithm>

#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"

namespace holdwatch {
namespace {

constexpr uint64_t kFewestTries = 3;
constexpr uint64_t kNever = UINT64_MAX;

// A run of tries, as it was when it was last seen to go on.
struct Run {
  bool used;
  bool goes_on;  // its tries have become more since it was seen first
  WaitView poll;
  uint64_t began_ns;   // at the latest
  uint64_t tried_ns;   // it has tried since, or at that moment: the look before that which found more tries
  uint64_t grew_ns;    // the latest look that found more tries
  uint64_t looked_ns;  // the latest look
  uint64_t tries_then;
};
constinit Run g_runs[kMaxPollers] = {};
size_t g_used = 0;  // runs ever used
uint64_t g_now_ns = 0;
uint64_t g_looked_ns = 0;
uint64_t g_due_ns = 0;

// Each look reads a cache line for each record.
uint64_t smallest_period_ns() {
  constexpr uint64_t kShare = 800, kPerRecordNs = 50;
  return kShare * kPerRecordNs * record_limit();
}

Run* find(const Identity& run) {
  for (size_t i = 0; i < g_used; ++i)
    if (g_runs[i].used && g_runs[i].poll.identity == run) return &g_runs[i];
  return nullptr;
}

Run* new_run() {
  for (size_t i = 0; i < g_used; ++i)
    if (!g_runs[i].used) return &g_runs[i];
  return g_used == kMaxPollers ? nullptr : &g_runs[g_used++];
}

// How long a thread may not have tried and still be about to try again: a few times as long as it has waited between its tries.
uint64_t patience_ns(const Run& run, const Timing& timing) {
  constexpr uint64_t kPauses = 4;
  const uint64_t pause_ns = age_ns(run.began_ns, run.tried_ns) / run.poll.tries;
  const uint64_t longest_ns = std::max(timing.limits().of_waits_ns() / 4, 2 * timing.wake_period_ns());
  return std::clamp(kPauses * pause_ns, 2 * timing.wake_period_ns(), longest_ns);
}

void note(const WaitView& poll, const Timing& timing) {
  const uint64_t now_ns = timing.now_ns();
  Run* run = find(poll.identity);
  if (run == nullptr) {
    run = new_run();
    if (run != nullptr) *run = {true, false, poll, timing.started_ns(poll), now_ns, now_ns, now_ns, poll.tries};
    return;
  }
  if (poll.tries != run->tries_then) {
    run->tried_ns = run->looked_ns;
    run->grew_ns = now_ns;
    run->goes_on = true;
  }
  run->poll.tries = run->tries_then = poll.tries;
  run->looked_ns = now_ns;
}

bool may_go_on(const Run& run, const Timing& timing) {
  return run.looked_ns == timing.now_ns() && age_ns(run.grew_ns, timing.now_ns()) <= patience_ns(run, timing);
}

}  // namespace

void look_for_pollers(const Timing& timing) {
  g_now_ns = timing.now_ns();
  if (!has_failed_tries() || age_ns(g_looked_ns, g_now_ns) < smallest_period_ns()) return;
  g_looked_ns = g_now_ns;
  for_each_record([&](uint32_t index, const ThreadRecord&) {
    WaitView poll;
    if (view_poll(index, &poll)) note(poll, timing);
  });
  g_due_ns = kNever;
  for (size_t i = 0; i < g_used; ++i) {
    Run& run = g_runs[i];
    if (!run.used) continue;
    if (run.looked_ns != timing.now_ns()) {
      run.used = false;  // the thread has begun another run, or exited
    } else if (may_go_on(run, timing)) {
      g_due_ns = g_now_ns + std::max(timing.wake_period_ns(), smallest_period_ns());
    } else {
      run.goes_on = false;
    }
  }
}

uint64_t next_look_for_pollers_ns() {
  return has_failed_tries() ? g_due_ns : kNever;
}

void forget_pollers() {
  for (size_t i = 0; i < g_used; ++i) g_runs[i].used = false;
  g_due_ns = g_looked_ns = 0;
}

bool view_poller(size_t index, WaitView* out) {
  const Run& run = g_runs[index];
  if (!run.used || !run.goes_on || run.poll.tries < kFewestTries) return false;
  *out = run.poll;
  // Counted from the present, the wait is as long as it was at the latest try that was seen.
  out->since_ns = ((run.began_ns + g_now_ns - run.tried_ns) & ~uint64_t{kStampBits}) | kExact;
  return poll_lasts(run.poll.identity.record, run.poll.identity.number);
}

}  // namespace holdwatch
