// See first_line.h. This file has the wording; finding_line.cpp has the facts that the shim knows.
#include "shim/common/text/first_line.h"

#include "shim/common/text/listing.h"

namespace holdwatch {
namespace {

// "1 thread waits", "2 threads wait".
struct Count {
  size_t count;
  const char* singular;
  const char* plural;
};
TextBuffer& operator<<(TextBuffer& out, Count count) {
  return out << count.count << (count.count == 1 ? count.singular : count.plural);
}

constexpr std::string_view kSinceBefore = " at least, since before the attach";

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

class Writer {
 public:
  Writer(const FirstLine& facts, TextBuffer& out) : facts_(facts), out_(out), stage_(stage_of(facts.phase)) {}

  void write() {
    switch (facts_.event) {
      case Event::hold:
        return hold();
      case Event::wait:
        return wait();
      case Event::deadlock:
        return deadlock();
      case Event::self_deadlock:
        return self_deadlock();
      case Event::abandoned:
        return abandoned();
      case Event::fork_orphan:
        return fork_orphan();
      case Event::lock_order:
      case Event::read_recursion:
        return;
    }
  }

 private:
  using HolderFacts = FirstLine::HolderFacts;

  bool has_holder() const { return !facts_.holder.label.empty(); }
  bool are_several() const { return facts_.holder_count > 1; }
  bool is_snapshot() const { return facts_.phase == Phase::snapshot; }

  // --- parts of sentences ---

  void lock() { out_ << (facts_.lock_kind == LockKind::mutex ? "mutex " : "rwlock ") << facts_.lock_id; }
  void limit() {
    if (facts_.limit_ns != 0) out_ << " (limit " << Duration{facts_.limit_ns} << ')';
  }
  // The mode of access is named only if the lock has two.
  void held_for(const HolderFacts& holder) {
    if (facts_.lock_kind == LockKind::mutex) return;
    out_ << (holder.access == Access::shared ? " for reading" : " for writing");
  }
  void likely(bool is_likely) {
    if (is_likely) out_ << "likely ";
  }

  void thread(std::string_view label) { out_ << (label.empty() ? "an unknown thread" : label); }
  void subject(std::string_view label) {
    if (!label.empty()) out_ << "thread ";
    thread(label);
  }
  // " and 2 more readers"; nothing for the usual single holder.
  void other_holders() {
    if (!are_several()) return;
    const bool readers = facts_.lock_kind == LockKind::rwlock && facts_.holder.access == Access::shared;
    out_ << " and "
         << Count{facts_.holder_count - 1, readers ? " more reader" : " more thread",
                  readers ? " more readers" : " more threads"};
  }
  // After "which may have exited", if the sentence continues.
  void end_clause() {
    if (facts_.is_of_unknown_process) out_ << ',';
  }
  void since_before() {
    if (!has_holder()) return;
    if (facts_.acquired == Acquired::before_attach) out_ << kSinceBefore;
    if (facts_.acquired == Acquired::unseen || facts_.acquired == Acquired::elsewhere) out_ << " at least";
  }

  void waiting(bool with_longest) {
    const size_t count = facts_.waiter_count;
    if (count == 0) {
      out_ << "no waiters";
      return;
    }
    out_ << Count{count, " thread waits", " threads wait"};
    if (!with_longest || facts_.longest_wait_ns == 0) return;
    out_ << ", " << (count == 1 ? "" : "longest ") << Duration{facts_.longest_wait_ns};
  }
  void lost() {
    if (facts_.threads_delayed == 0 && facts_.lost_ns == 0) {
      out_ << "no waiters seen";
      return;
    }
    if (facts_.threads_delayed == 0) {
      out_ << "other threads";
    } else {
      out_ << Count{facts_.threads_delayed, " thread", " threads"};
    }
    out_ << " lost " << Duration{facts_.lost_ns} << " waiting";
  }

  // --- holds ---

  void hold() {
    switch (facts_.phase) {
      case Phase::snapshot:
        out_ << "snapshot: ";
        return hold_over();
      case Phase::over:
        return hold_over();
      case Phase::still:
        return hold_still();
      case Phase::released:
        return hold_released();
      case Phase::late:
        return hold_late();
    }
  }

  void hold_over() {
    subject(facts_.holder.label);
    other_holders();
    end_clause();
    out_ << (are_several() ? " have " : " has ");
    likely(facts_.is_likely);
    out_ << "held ";
    lock();
    held_for(facts_.holder);
    out_ << (are_several() ? ", longest " : " ") << Duration{facts_.holder.held_ns};
    since_before();
    limit();
    out_ << "; ";
    waiting(true);
  }

  void hold_still() {
    out_ << facts_.lock_id << " still held by ";
    thread(facts_.holder.label);
    other_holders();
    out_ << ", " << Duration{facts_.holder.held_ns} << "; ";
    if (!facts_.position.empty()) out_ << facts_.position << "; ";
    waiting(false);
  }

  void hold_released() {
    out_ << facts_.lock_id << " released by ";
    thread(facts_.holder.label);
    other_holders();
    end_clause();
    out_ << " after " << Duration{facts_.holder.held_ns} << "; ";
    lost();
  }

  void hold_late() {
    subject(facts_.holder.label);
    out_ << " held ";
    lock();
    held_for(facts_.holder);
    out_ << ' ' << Duration{facts_.holder.held_ns};
    limit();
    out_ << (facts_.had_fallback_report ? "; released before the full report; " : "; detected only at release; ");
    lost();
  }

  void abandoned() {
    const HolderFacts& holder = facts_.exited;
    if (holder.label.empty()) {
      lock();
      out_ << " was left locked; ";
      return waiting(true);
    }
    switch (stage_) {
      case Stage::opens:
        out_ << "thread " << holder.label << " exited while holding ";
        lock();
        held_for(holder);
        if (holder.held_ns != 0) out_ << ", " << Duration{holder.held_ns} << " so far";
        limit();
        out_ << "; ";
        return waiting(true);
      case Stage::continues:
        out_ << facts_.lock_id << " still held by " << holder.label << ", which has exited, "
             << Duration{holder.held_ns} << "; ";
        return waiting(false);
      case Stage::ends:
        out_ << facts_.lock_id << ", which " << holder.label << " held when it exited, was released after "
             << Duration{holder.held_ns} << "; ";
        return lost();
    }
  }

  void fork_orphan() {
    lock();
    out_ << " can never be acquired in this process: ";
    thread(facts_.holder.label);
    out_ << " held it in the parent process at the fork; ";
    waiting(true);
  }

  // --- waits ---

  void wait() {
    switch (facts_.phase) {
      case Phase::snapshot:
        out_ << "snapshot: ";
        return wait_over();
      case Phase::over:
        return wait_over();
      case Phase::still:
        thread(facts_.waiter);
        out_ << " still waits for " << facts_.lock_id << ", " << Duration{facts_.longest_wait_ns};
        held_by();
        return more_waiters();
      case Phase::released:
        return wait_ended();
      case Phase::late:
        subject(facts_.waiter);
        out_ << " waited " << Duration{facts_.longest_wait_ns};
        for_lock();
        limit();
        out_ << "; detected only after it ended";
        return;
    }
  }

  void wait_over() {
    subject(facts_.waiter);
    // A wait seen only once, from outside, may have begun at any time.
    if (is_snapshot() && facts_.longest_wait_ns == 0) {
      out_ << " waits";
    } else {
      out_ << " has waited " << Duration{facts_.longest_wait_ns};
    }
    for_lock();
    if (!is_snapshot()) limit();
    held_by();
    more_waiters();
  }

  void wait_ended() {
    if (facts_.waiter.empty()) {
      out_ << "the long wait for " << facts_.lock_id << " is over; ";
    } else {
      out_ << facts_.waiter << " no longer waits for " << facts_.lock_id << ", after "
           << Duration{facts_.longest_wait_ns} << "; ";
    }
    lost();
  }

  void for_lock() {
    out_ << " for ";
    lock();
    if (facts_.lock_kind == LockKind::mutex || facts_.waiter.empty()) return;
    out_ << (facts_.wanted == Access::shared ? " to read" : " to write");
  }
  void held_by() {
    if (!has_holder()) {
      out_ << "; holder unknown";
      return;
    }
    out_ << "; ";
    likely(facts_.is_likely);
    out_ << "now held by " << facts_.holder.label;
    other_holders();
    if (facts_.holder.held_ns == 0) return;
    out_ << ", " << (are_several() ? "longest " : "") << Duration{facts_.holder.held_ns};
  }
  void more_waiters() {
    if (facts_.waiter_count < 2) return;
    out_ << "; " << Count{facts_.waiter_count - 1, " more thread waits", " more threads wait"};
  }

  // --- cycles ---

  void others_wait() {
    if (facts_.waiter_count == 0) {
      out_ << "no other waiters";
    } else {
      out_ << Count{facts_.waiter_count, " other thread waits", " other threads wait"};
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
    for (size_t i = 0; i < facts_.cycle_length; ++i) {
      if (i == kShownOfCycle) {
        out_ << " and " << facts_.cycle_length - i << " more";
        return;
      }
      out_ << listing_separator(i, facts_.cycle_length) << facts_.cycle[i].holds;
    }
  }
  // Who holds what and waits for what.
  void steps_of_cycle() {
    for (size_t i = 0; i < facts_.cycle_length; ++i) {
      if (i == kShownOfCycle) {
        out_ << ", and " << facts_.cycle_length - i << " more";
        return;
      }
      const FirstLine::CycleStep& step = facts_.cycle[i];
      out_ << (i == 0 ? "" : ", ") << step.label << " holds " << step.holds << " and waits for " << step.waits_for;
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

  const FirstLine& facts_;
  TextBuffer& out_;
  const Stage stage_;
};

}  // namespace

void append_first_line(const FirstLine& facts, TextBuffer& out) {
  Writer(facts, out).write();
}

void append_process(std::string_view process, TextBuffer& out) {
  if (process.empty()) {
    out << " of another process, which may have exited";
  } else {
    out << " of process " << process;
  }
}

}  // namespace holdwatch
