// The first lines of deadlocks and self-deadlocks (line_parts.h).
#include <algorithm>

#include "shim/common/text/line_parts.h"
#include "shim/common/text/listing.h"

namespace holdwatch {
namespace {

class DeadlockLine : LineParts {
 public:
  DeadlockLine(const FirstLine& facts, TextBuffer& out) : LineParts(facts, out) {}

  void write() { facts_.event == Event::deadlock ? deadlock() : self_deadlock(); }

 private:
  void others_wait() {
    const size_t count = facts_.waiter_count + facts_.behind_threads;
    if (count == 0) {
      out_ << "no other waiters";
    } else {
      out_ << Count{count, " other thread waits", " other threads wait"};
    }
  }
  void others_lost() {
    if (facts_.threads_delayed != 0) return lost();
    out_ << "no other waiters seen";
  }
  void cycle_age(const char* before) {
    if (facts_.cycle_age_ns == 0) return;
    out_ << before << Duration{facts_.cycle_age_ns} << (facts_.is_cycle_from_before_attach ? kSinceBefore : "");
  }
  // "L1, L2 and L3"
  void locks_of_cycle() {
    if (facts_.cycle_locks == 0) {
      out_ << Count{facts_.cycle_length, " thread", " threads"};
      return;
    }
    size_t named = 0;
    for (size_t i = 0; i < std::min(facts_.cycle_length, kShownOfCycle); ++i) {
      if (facts_.cycle[i].holds.empty()) continue;
      out_ << listing_separator(named++, facts_.cycle_locks) << facts_.cycle[i].holds;
    }
    if (named < facts_.cycle_locks) out_ << " and " << facts_.cycle_locks - named << " more";
  }
  // `4711 "a" holds L1 and waits for L2`, `4712 "b" waits for thread 4713 "c" to exit`.
  void step_of_cycle(const FirstLine::CycleStep& step) {
    out_ << step.label;
    if (!step.holds.empty()) out_ << " holds " << step.holds << " and";
    out_ << " waits for ";
    if (step.waits_for.empty())
      out_ << "thread " << step.joins << " to exit";
    else
      out_ << step.waits_for;
  }
  // Who holds what and waits for what.
  void steps_of_cycle() {
    for (size_t i = 0; i < facts_.cycle_length; ++i) {
      if (i == kShownOfCycle) {
        out_ << ", and " << facts_.cycle_length - i << " more";
        return;
      }
      out_ << (i == 0 ? "" : ", ");
      step_of_cycle(facts_.cycle[i]);
    }
  }

  void deadlock() {
    if (facts_.cycle_length == 0) return deadlock_of_unknown_threads();
    if (stage_ == Stage::ends) {
      out_ << "the deadlock of ";
      locks_of_cycle();
      out_ << " is over";
      cycle_age(", after ");
      out_ << "; ";
      return others_lost();
    }
    likely(facts_.is_cycle_likely);
    out_ << "deadlock of ";
    if (stage_ == Stage::continues) {
      locks_of_cycle();
      out_ << " continues";
      cycle_age(", ");
    } else {
      out_ << Count{facts_.cycle_length, " thread", " threads"};
      cycle_age(" for ");
      out_ << ": ";
      steps_of_cycle();
    }
    out_ << "; ";
    others_wait();
  }

  void deadlock_of_unknown_threads() {
    likely(facts_.is_cycle_likely);
    out_ << "deadlock of ";
    lock();
    out_ << "; ";
    others_wait();
  }

  void self_deadlock() {
    if (stage_ == Stage::opens) {
      subject(facts_.holder.label);
      cycle_age(" has waited ");
      out_ << (facts_.cycle_age_ns == 0 ? " waits for " : " for ");
      lock();
      out_ << ", which it ";
      likely(facts_.is_cycle_likely);
      out_ << "holds itself";
      if (has_holder()) held_for(facts_.holder);
      out_ << "; ";
      return others_wait();
    }
    const bool lasts = stage_ == Stage::continues;
    thread(facts_.holder.label);
    out_ << (lasts ? " still waits for " : " no longer waits for ") << facts_.lock_id
         << (lasts ? ", which it holds itself" : ", which it held itself");
    cycle_age(lasts ? ", " : ", after ");
    out_ << "; ";
    if (lasts) return others_wait();
    others_lost();
  }
};

}  // namespace

void append_deadlock_line(const FirstLine& facts, TextBuffer& out) {
  DeadlockLine(facts, out).write();
}

}  // namespace holdwatch
