// The first lines of waits (line_parts.h).
#include "shim/common/text/line_parts.h"

namespace holdwatch {
namespace {

class WaitLine : LineParts {
 public:
  WaitLine(const FirstLine& facts, TextBuffer& out) : LineParts(facts, out) {}

  void write() {
    switch (facts_.phase) {
      case Phase::snapshot:
        out_ << "snapshot: ";
        return is_condition() ? idle() : wait_over();
      case Phase::over:
        return wait_over();
      case Phase::still:
        thread(facts_.waiter);
        out_ << " still waits for " << short_name() << ", " << Duration{facts_.longest_wait_ns};
        polling();
        passed();
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

 private:
  bool is_rwlock() const { return facts_.lock_kind == LockKind::rwlock; }
  // Of `pthread_once` or a static variable.
  bool is_initializer() const {
    return facts_.lock_kind == LockKind::once || facts_.lock_kind == LockKind::local_static;
  }

  // Of a condition wait: what it waits for is not held by anybody, and not always known.
  bool is_condition() const { return facts_.lock_kind == LockKind::condition; }
  std::string_view short_name() const {
    return is_condition() && facts_.lock_id.empty() ? std::string_view("a condition") : facts_.lock_id;
  }

  void idle() {
    out_ << Count{facts_.waiter_count, " thread", " threads"} << " in a condition wait";
    if (!facts_.lock_id.empty()) out_ << " on " << facts_.lock_id;
    if (facts_.longest_wait_ns == 0) return;
    out_ << ", " << (facts_.waiter_count > 1 ? "longest " : "") << Duration{facts_.longest_wait_ns};
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
    if (facts_.event == Event::corrupt)
      out_ << (is_rwlock() ? ", which was unlocked more often than locked" : ", whose memory was overwritten");
    if (facts_.event == Event::lost_wakeup) out_ << ", which is free";
    if (!is_snapshot()) limit();
    polling();
    passed();
    held_by();
    more_waiters();
  }

  void wait_ended() {
    if (facts_.waiter.empty()) {
      out_ << "the long wait for " << short_name() << " is over; ";
    } else {
      out_ << facts_.waiter << " no longer waits for " << facts_.lock_id << ", after "
           << Duration{facts_.longest_wait_ns} << "; ";
    }
    lost();
    passed();
  }

  void polling() {
    if (facts_.waiter_polls) out_ << ", polling";
  }
  void passed() {
    if (facts_.passed_holds == 0) return;
    out_ << "; at least " << Count{facts_.passed_holds, " hold", " holds"} << " passed "
         << (facts_.waiter == facts_.passed_by ? std::string_view("it") : facts_.passed_by) << " by";
  }

  void for_lock() {
    out_ << (is_initializer() ? " for the initializer of " : " for ");
    if (is_condition() && facts_.lock_id.empty())
      out_ << short_name();
    else
      lock();
    if (facts_.lock_kind != LockKind::rwlock || facts_.waiter.empty()) return;
    out_ << (facts_.wanted == Access::shared ? " to read" : " to write");
  }
  void held_by() {
    if (is_condition()) return;
    if (facts_.event == Event::corrupt) {
      out_ << (is_rwlock() ? "; its count of readers is impossible" : "; its state is impossible");
      return;
    }
    if (facts_.event == Event::lost_wakeup) {
      out_ << "; nobody wakes it";
      return;
    }
    if (!has_holder()) {
      out_ << "; holder unknown";
      return;
    }
    out_ << "; ";
    likely(facts_.is_likely);
    out_ << (is_initializer() ? "now run by " : "now held by ") << facts_.holder.label;
    other_holders();
    if (facts_.holder.held_ns == 0) return;
    out_ << ", " << (are_several() ? "longest " : "") << Duration{facts_.holder.held_ns};
  }
  void more_waiters() {
    const size_t count = facts_.waiter_count + facts_.behind_threads;
    if (count < 2) return;
    out_ << "; " << Count{count - 1, " more thread waits", " more threads wait"};
  }
};

}  // namespace

void append_wait_line(const FirstLine& facts, TextBuffer& out) {
  WaitLine(facts, out).write();
}

}  // namespace holdwatch
