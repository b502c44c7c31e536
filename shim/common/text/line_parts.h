// The parts of sentences that the first lines of holds, waits and deadlocks share (first_line.h).
// Cold context (watcher or reporter). Pure; no allocation.
#pragma once

#include "shim/common/text/first_line.h"
#include "shim/common/text/lock_kind_name.h"

namespace holdwatch {

// "1 thread waits", "2 threads wait".
struct Count {
  size_t count;
  const char* singular;
  const char* plural;
};
inline TextBuffer& operator<<(TextBuffer& out, Count count) {
  return out << count.count << (count.count == 1 ? count.singular : count.plural);
}

inline constexpr std::string_view kSinceBefore = " at least, since before the attach";

// Whether a line opens an episode, continues it or closes it. `late` and `snapshot` lines are complete, like an opening
// line.
enum class Stage { opens, continues, ends };
constexpr Stage stage_of(Phase phase) {
  switch (phase) {
    case Phase::over:
    case Phase::late:
    case Phase::snapshot:
      return Stage::opens;
    case Phase::still:
      return Stage::continues;
    case Phase::released:
      return Stage::ends;
  }
  return Stage::opens;
}

class LineParts {
 protected:
  LineParts(const FirstLine& facts, TextBuffer& out) : facts_(facts), out_(out), stage_(stage_of(facts.phase)) {}

  using HolderFacts = FirstLine::HolderFacts;

  bool has_holder() const { return !facts_.holder.label.empty(); }
  bool are_several() const { return facts_.holder_count > 1; }
  bool is_snapshot() const { return facts_.phase == Phase::snapshot; }
  void lock() {
    out_ << lock_kind_words(facts_.lock_kind) << (facts_.lock_kind == LockKind::loader ? " lock " : " ")
         << facts_.lock_id;
  }
  void limit();
  // The mode of access is named only if the lock has two.
  void held_for(const HolderFacts& holder);
  void likely(bool is_likely);
  void thread(std::string_view label) { out_ << (label.empty() ? "an unknown thread" : label); }
  void subject(std::string_view label);
  // " and 2 more readers"; nothing for the usual single holder.
  void other_holders();
  // After "which may have exited", if the sentence continues.
  void end_clause();
  void since_before();
  void waiting(bool with_longest);
  void lost();

  const FirstLine& facts_;
  TextBuffer& out_;
  const Stage stage_;
};

// Each writes the lines of some events.
void append_hold_line(const FirstLine& facts, TextBuffer& out);      // hold, abandoned, fork_orphan, stray_unlock
void append_wait_line(const FirstLine& facts, TextBuffer& out);      // wait, corrupt, lost_wakeup
void append_deadlock_line(const FirstLine& facts, TextBuffer& out);  // deadlock, self_deadlock

}  // namespace holdwatch
