// The plain report: the contents of text and JSON, as values. No behaviour, no reference to anything live.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/symbols/symbols.h"

namespace holdwatch {

// Innermost frame first.
struct Stack {
  std::vector<Frame> frames;
  bool complete = false;
  std::string note;  // empty, or what is missing and why
};

// A thread that can end a wait.
struct ReportEnder {
  int pid = 0;  // 0: this process
  int tid = 0;
  std::string thread;
  Evidence evidence = Evidence::stated;
  bool likely = false;  // also if it is no guess who took the lock: whether that thread still has it is not proven
};

// What a blocked thread waits for, and who can end it.
struct ReportWait {
  WaitKind kind = WaitKind::other;
  uintptr_t object = 0;    // 0: none, or not known
  std::string name;        // empty: none
  uint64_t waited_ns = 0;  // at least this long; 0 if unknown
  bool has_timeout = false;
  uint64_t timeout_ns = 0;          // the time left
  uint64_t timeouts = 0;            // how often it was made before, and timed out
  std::vector<ReportEnder> enders;  // empty: not known
  EnderGap gap = EnderGap::none;    // why nobody is named
  uint32_t other_ends = 0;          // of a pipe or a socket: see contract/wait.h
  bool other_end_is_here = false;
  bool is_for_gone = false;  // nobody can end it: the thread that has the lock is no more
  // The other thread that ended such a wait last, and where: the innermost frame of the program's. tid 0: not known.
  ReportEnder last;
  bool last_is_before = false;  // the waiting thread itself has done so later
  Frame last_at{};
  uint64_t last_ago_ns = 0;  // 0: not known
};

// Nothing if it is not known what the thread waits for.
std::optional<ReportWait> describe_wait(const Wait& wait, uint64_t waited_ns);

// A place that some samples of a holder have in common. Of what their frames do not have in common (line, address), a frame has nothing.
struct ReportSampledPlace {
  Frame at{};  // the innermost frame that they share
  std::optional<Frame>
      within;  // the frame that distinguishes them from the other samples, or has called libc, if that is another one
  size_t samples = 0;
};

struct ReportSampledFunction {
  Frame frame{};
  size_t samples = 0;    // in which it was on the stack
  size_t innermost = 0;  // in which it was the innermost one
};

// Where a holder has been since the hold exceeded its limit, by samples at equal distances.
struct ReportSamples {
  size_t captured = 0;
  size_t missed = 0;                             // could not be captured
  size_t running = 0;                            // of those captured
  bool is_frozen = false;                        // it has not run from the first one to the last
  uint64_t span_ns = 0;                          // between these
  std::vector<ReportSampledPlace> places;        // most samples first
  size_t elsewhere = 0;                          // samples in other places
  std::vector<ReportSampledFunction> functions;  // most samples first
};

struct ReportHolder {
  int tid = 0;
  std::string thread;
  Access access = Access::exclusive;
  uint64_t held_ns = 0;
  uint32_t depth = 1;
  ThreadState state = ThreadState::running;
  Stack taken;
  Stack now;
  std::optional<size_t> now_took;  // index in now.frames of the frame that took the lock, while it is alive
  std::string doing;               // empty: not known
  std::optional<bool> moved;       // since the last report of this episode
  std::optional<bool> ran;         // since the last report of this episode, though it may be back in the same place
  std::optional<ReportSamples> samples;  // of a hold that goes on or has ended; none were taken: nothing
  std::string waits_for;                 // lock id, empty: none
  std::optional<ReportWait> wait;        // not known, or it does not wait: none
  bool likely = false;                   // not proven by the lock's own fields
  bool before_attach = false;            // held_ns counts from the attachment; it was taken before
  bool unseen = false;     // its lock call bypassed our hooks; held_ns counts from when the hold was found
  bool by_loader = false;  // inside the dynamic loader; held_ns counts from when the hold was found
  Evidence evidence = Evidence::recorded;
  bool elsewhere = false;  // a thread of another process
  int pid = 0;             // which one, and its name; 0: not found
  std::string process;
};

// One step of a deadlock's cycle: the thread, the lock that it holds, and what it waits for.
struct ReportCycleStep {
  int tid = 0;
  std::string holds;      // lock ids; empty: none, another thread of the cycle waits for its end
  std::string waits_for;  // empty: it waits for the end of the thread `joins`
  LockKind lock_kind = LockKind::mutex;
  uintptr_t lock_address = 0;
  std::string lock_name;
  uint64_t waited_ns = 0;      // at least this long; 0 if unknown
  bool before_attach = false;  // waited_ns counts from the attachment
  int joins = 0;
  int pid = 0;  // 0: the process of the report
};

// One step of what is probably a deadlock: the thread, and what it waits for.
struct ReportLikelyStep {
  int tid = 0;
  std::string thread;     // its name, empty: not known
  std::string holds;      // the id of the lock that the step before waits for; empty: it is waited for in another way
  std::string waits_for;  // lock id; empty: it waits for the next step's thread in another way
  bool joins_next = false;
  int pid = 0;  // 0: the process of the report
};

// One step from the thread that holds everybody up to the lock of the report, and on to those who are farthest behind it:
// the next step's thread waits for it.
struct ReportChainStep {
  int pid = 0;  // 0: the process of the report
  int tid = 0;
  std::string thread;
  std::string holds;               // the id of the lock that the next one, or the waiters, wait for; empty: none
  std::optional<ReportWait> wait;  // what it waits for itself; the first one: for no thread that is known
  std::string doing;               // empty: not known
};

// One observation that `then` was taken while `first` was held.
struct ReportOrderEdge {
  std::string first;  // lock ids
  std::string then;
  int tid = 0;
  Stack stack;
};

// The waiters for one lock that have the same stack and mode.
struct ReportWaiters {
  std::string lock_id;
  Access access = Access::exclusive;
  uint64_t longest_ns = 0;
  std::vector<int> tids;             // longest waiting first
  std::vector<std::string> threads;  // their names, in the same order
  bool unseen = false;               // their calls bypassed our hooks
  uint64_t tries = 0;                // how often they have tried, at least, instead of sleeping; 0: they sleep
  uintptr_t object = 0;              // the condition that all of them wait for; 0: none, not known, or several
  Stack stack;
};

// Holds that passed a waiting thread by, all taken at the same place.
struct ReportPassedSite {
  Frame at{};
  Access access = Access::exclusive;
  uint64_t holds = 0;
  size_t threads = 0;  // that had them
};

struct ReportPassed {
  int tid = 0;  // the thread that waited
  std::string thread;
  uint64_t holds = 0;   // at least
  uint64_t reads = 0;   // of these, for reading
  bool writes = false;  // the thread waited to write
  bool prefers_readers = false;
  std::vector<ReportPassedSite> sites;  // most holds first

  // Those that are at no site.
  uint64_t not_noted() const;
};

// How a report is shown in text: its fingerprint may have been reported before (see recurrences.h).
// beginning: in full although it goes on, for what came before of its episode was not shown.
enum class ShownAs : uint8_t { report, beginning, line, nothing };

struct Recurrence {
  ShownAs shown_as = ShownAs::report;
  uint64_t times = 0;  // so far in this process, this one included; 0: not counted
  uint64_t first_episode = 0;
  uint64_t longest_ns = 0;  // of those that were shown or have ended
  uint64_t lost_ns = 0;     // by all waiters, of those that have ended
};

struct Report {
  Event event = Event::hold;
  Phase phase = Phase::over;
  uint64_t wall_clock_ns = 0;  // CLOCK_REALTIME
  std::string host;
  int pid = 0;
  std::string exe;
  uint64_t episode = 0;
  std::string fingerprint;  // 16 hex digits
  Recurrence recurrence;
  uint64_t limit_ns = 0;
  std::string lock_id;  // "L3"
  LockKind lock_kind = LockKind::mutex;
  uintptr_t lock_address = 0;
  std::string lock_name;              // empty: none
  std::vector<ReportHolder> holders;  // longest first; of a deadlock as in `cycle`
  std::vector<ReportWaiters>
      waiters;  // longest first; of a deadlock those that are not part of it, for any of its locks
  size_t waiters_left_out = 0;
  uint64_t lost_ns = 0;
  size_t threads_delayed = 0;
  // Of the threads that wait for others that are behind the lock: see Finding.
  size_t behind_threads = 0;
  uint64_t behind_longest_ns = 0;
  uint64_t behind_lost_ns = 0;
  size_t threads_seen = 0;                     // of those and `waiters`, once it has ended
  std::vector<ReportCycleStep> cycle;          // deadlocks only
  std::vector<ReportLikelyStep> likely_cycle;  // from the holder back to it; no deadlock for certain
  // From the thread at the root to the holder of the report's lock (of several, the one that has held it longest), and on
  // to those who are farthest behind that. Empty: not known, or there is no root, as behind a deadlock.
  std::vector<ReportChainStep> chain;
  size_t steps_to_holder = 0;          // where in `chain` the holder is; 0: it is the root
  size_t chain_left_out = 0;           // steps beyond the last
  size_t tree_threads = 0;             // all threads that wait for the root, directly or through others
  uint64_t tree_lost_ns = 0;           // for how long, together
  std::vector<ReportOrderEdge> edges;  // lock order only
  std::optional<ReportPassed> passed;  // of a wait; nothing if no such hold was seen
  uint64_t unrecorded_holds = 0;
  uint64_t unreported_holds = 0;
  std::string note;
  bool released_by_holder = false;                  // released: the holder's own unlock was seen
  bool was_seen = false;                            // late: before it ended, but it was not reported in time
  bool had_fallback_report = false;                 // late: it was seen before it ended, and reported without stacks
  std::atomic<bool>* first_line_written = nullptr;  // see Finding
};

// Why the acquisition of a thread is not shown that is in a cycle only because another one waits for it to exit.
inline constexpr char kHeldByCode[] = "from its code: this function releases the lock when it is left";
inline constexpr char kHoldsNoLock[] = "the thread holds no lock of this deadlock";

// The report for people: lines of "holdwatch[PID]: ..." with indented details, ending in a newline.
std::string render_text(const Report& report);

// The one line for a report that returns (see Recurrence), and the detail that completes a first line which is already
// written.
std::string render_recurrence(const Report& report);
std::string render_recurrence_detail(const Report& report);

// The report for machines: one JSON object as described in docs/json.md, without a newline.
std::string render_json(const Report& report);

// 16 hex digits that are the same for the same bug in every process and on every host: from the event, the lock's kind
// and the function names of the acquisition stack and of the holder's stack down to it. No addresses, lines or thread
// ids.
std::string fingerprint(const Report& report);

}  // namespace holdwatch
