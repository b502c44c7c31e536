// The first line of a report: one wording for the full report and for the one that the shim writes without the
// symbolizer.
// Each of the two fills in what it knows (finding_line.cpp; symbolizer/report/headline.cpp).
// Cold context (watcher or reporter). Pure; no allocation.
#pragma once

#include "shim/common/contract/finding.h"
#include "shim/common/text/text_buffer.h"

namespace holdwatch {

// Further threads of a deadlock are only counted.
inline constexpr size_t kShownOfCycle = 4;

// The facts from which a first line is made. Labels are ready to print (`4711 "bcast"`) and stay valid while the line
// is written; an empty label means that the thread is not known.
struct FirstLine {
  Event event;
  Phase phase;
  uint64_t limit_ns;  // 0: none is involved
  bool released_by_holder;
  LockKind lock_kind;
  std::string_view lock_id;  // "L3"

  struct HolderFacts {
    std::string_view label;
    Access access;
    uint64_t held_ns;
  };
  HolderFacts holder;  // the first one; held_ns: by the one that has held the lock longest
  HolderFacts exited;  // `abandoned`: the holder that has exited
  size_t holder_count;
  Acquired acquired;           // by the first holder
  bool is_of_unknown_process;  // acquired in another process that was not found: the label ends in its own clause
  bool is_likely;              // the first holder is not proven
  std::string_view position;   // `still`: where the first holder is now
  bool was_seen;               // `late`: before it ended, but it was not reported in time
  bool had_fallback_report;    // `late`: seen before it ended, and reported without stacks

  std::string_view waiter;  // the one that has waited longest
  Access wanted;
  uint64_t longest_wait_ns;
  size_t waiter_count;
  size_t polling;              // of the waiters, those that do not sleep but try again and again
  bool waiter_polls;           // so does the one that has waited longest
  uint64_t passed_holds;       // that passed a waiter by, at least
  std::string_view passed_by;  // this one
  // Those who wait for others that are behind the lock.
  size_t behind_threads;
  uint64_t behind_longest_ns;
  uint64_t lost_ns;  // by all of them
  size_t threads_delayed;

  struct CycleStep {
    std::string_view label;
    std::string_view holds;      // empty: no lock, another thread of the cycle waits for its end
    std::string_view waits_for;  // empty: it waits for the end of the thread with the label `joins`
    std::string_view joins;
  };
  CycleStep cycle[kShownOfCycle];
  size_t cycle_length;
  size_t cycle_locks;                // how many of its threads hold a lock
  uint64_t cycle_age_ns;             // how long all of its threads have waited; 0: not known
  bool is_cycle_from_before_attach;  // cycle_age_ns counts from the attachment
  bool is_cycle_likely;
};

// By the one that has held the lock longest.
template <typename Holder>
uint64_t longest_held_ns(const Holder* holders, size_t count) {
  uint64_t longest_ns = 0;
  for (size_t i = 0; i < count; ++i) longest_ns = holders[i].held_ns > longest_ns ? holders[i].held_ns : longest_ns;
  return longest_ns;
}

// With the facts that a Finding and a Report call by the same name.
template <typename Source>
FirstLine first_line_from(const Source& source) {
  FirstLine facts{};
  facts.event = source.event;
  facts.phase = source.phase;
  facts.limit_ns = source.limit_ns;
  facts.released_by_holder = source.released_by_holder;
  facts.was_seen = source.was_seen;
  facts.had_fallback_report = source.had_fallback_report;
  facts.lost_ns = source.lost_ns + source.behind_lost_ns;
  facts.threads_delayed = source.threads_seen > 0 ? source.threads_seen : source.threads_delayed;
  facts.behind_threads = source.behind_threads;
  facts.behind_longest_ns = source.behind_longest_ns;
  return facts;
}

// Without "holdwatch[PID]: " before it, and without a newline. Writes nothing for lock-order events.
void append_first_line(const FirstLine& facts, TextBuffer& out);

// The line of a finding with the facts that the shim knows. The finding's holders are sorted longest first, or in the
// cycle's order, its waiters longest first; stacks are not used.
void append_first_line(const Finding& finding, TextBuffer& out);

// ` of another process, which may have exited`, or ` of process 12 "name"`: the text after the label of such a thread.
// `process` is the label of the process, empty if it was not found.
void append_process(std::string_view process, TextBuffer& out);

}  // namespace holdwatch
