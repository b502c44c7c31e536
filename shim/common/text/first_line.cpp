// See first_line.h.
#include "shim/common/text/first_line.h"

#include <algorithm>

namespace holdwatch {
namespace {

constexpr size_t kShownOfCircle = 4;

// "1 thread waits", "2 threads wait".
struct Count {
  size_t count;
  const char* singular;
  const char* plural;
};
TextBuffer& operator<<(TextBuffer& out, Count count) {
  return out << count.count << (count.count == 1 ? count.singular : count.plural);
}

// A name in quotes, which cannot end them or move a terminal's cursor.
struct Quoted {
  const char* name;
};
TextBuffer& operator<<(TextBuffer& out, Quoted quoted) {
  out << '"';
  for (const char* at = quoted.name; *at != '\0'; ++at) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte < ' ' || byte == 0x7f) {
      out << "\\x"
          << "0123456789abcdef"[byte >> 4] << "0123456789abcdef"[byte & 0xf];
      continue;
    }
    if (*at == '"' || *at == '\\') out << '\\';
    out << *at;
  }
  return out << '"';
}

void append_label(int tid, const char* name, TextBuffer& out) {
  out << tid;
  if (name[0] != '\0') out << ' ' << Quoted{name};
}

class FirstLine {
 public:
  FirstLine(const Finding& finding, TextBuffer& out) : finding_(finding), out_(out) {}

  void append() {
    if (is_cycle(finding_.event)) return finding_.event == Event::deadlock ? deadlock() : self_deadlock();
    const bool is_snapshot = finding_.phase == Phase::snapshot;
    if (is_snapshot && (finding_.event == Event::hold || finding_.event == Event::wait)) out_ << "snapshot: ";
    switch (finding_.event) {
      case Event::wait:
        return wait();
      case Event::abandoned:
        return abandoned();
      case Event::fork_orphan:
        lock();
        out_ << " can never be acquired in this process: ";
        first_holder();
        out_ << " held it in the parent process at the fork; ";
        return waiting(true);
      case Event::hold:
      case Event::deadlock:
      case Event::self_deadlock:
      case Event::lock_order:
      case Event::read_recursion:
        break;
    }
    hold();
  }

 private:
  bool has_holder() const { return finding_.holder_count != 0; }
  const Holder& holder() const { return finding_.holders[0]; }
  bool are_several() const { return finding_.holder_count > 1; }
  size_t waiters() const { return finding_.waiter_count + finding_.waiters_left_out; }
  Duration longest_hold() const { return {has_holder() ? holder().held_ns : 0}; }
  Duration longest_wait() const { return {finding_.waiter_count == 0 ? 0 : finding_.waiters[0].waited_ns}; }

  void lock() { out_ << (finding_.lock.kind == LockKind::mutex ? "mutex" : "rwlock") << " L" << finding_.lock_id; }
  void limit() {
    if (finding_.limit_ns != 0) out_ << " (limit " << Duration{finding_.limit_ns} << ')';
  }
  void held_for(Access access) {
    if (finding_.lock.kind != LockKind::mutex) out_ << (access == Access::shared ? " for reading" : " for writing");
  }

  void label_of(const Holder& holder) {
    append_label(holder.tid, holder.thread, out_);
    if (holder.acquired != Acquired::elsewhere) return;
    if (holder.pid == 0) {
      out_ << " of another process, which may have exited";
    } else {
      out_ << " of process ";
      append_label(holder.pid, holder.process, out_);
    }
  }
  void first_holder() {
    if (has_holder()) return label_of(holder());
    out_ << "an unknown thread";
  }
  // As the subject of a sentence: "thread 12 "alice"".
  void thread_first_holder() {
    if (has_holder()) out_ << "thread ";
    first_holder();
  }
  void other_holders() {
    if (!are_several()) return;
    const bool readers = finding_.lock.kind == LockKind::rwlock && holder().access == Access::shared;
    out_ << " and "
         << Count{finding_.holder_count - 1, readers ? " more reader" : " more thread",
                  readers ? " more readers" : " more threads"};
  }
  // Behind "which may have exited", where the sentence goes on.
  void end_clause() {
    if (has_holder() && holder().acquired == Acquired::elsewhere && holder().pid == 0) out_ << ',';
  }
  void since_before() {
    if (!has_holder()) return;
    if (holder().acquired == Acquired::before_attach) out_ << " at least, since before the attach";
    if (holder().acquired == Acquired::unseen || holder().acquired == Acquired::elsewhere) out_ << " at least";
  }

  void waiting(bool with_longest) {
    if (waiters() == 0) {
      out_ << "no waiters";
      return;
    }
    out_ << Count{waiters(), " thread waits", " threads wait"};
    if (with_longest && longest_wait().ns > 0) out_ << ", " << (waiters() == 1 ? "" : "longest ") << longest_wait();
  }
  void lost() {
    if (finding_.threads_delayed == 0 && finding_.lost_ns == 0) {
      out_ << "no waiters seen";
      return;
    }
    if (finding_.threads_delayed == 0) {
      out_ << "other threads";
    } else {
      out_ << Count{finding_.threads_delayed, " thread", " threads"};
    }
    out_ << " lost " << Duration{finding_.lost_ns} << " waiting";
  }

  void hold() {
    switch (finding_.phase) {
      case Phase::over:
      case Phase::snapshot:
        return hold_over();
      case Phase::still:
        out_ << 'L' << finding_.lock_id << " still held by ";
        first_holder();
        other_holders();
        out_ << ", " << longest_hold() << (has_holder() ? "; its current position is unknown; " : "; ");
        return waiting(false);
      case Phase::released:
        out_ << 'L' << finding_.lock_id << " released by ";
        first_holder();
        other_holders();
        end_clause();
        out_ << " after " << longest_hold() << "; ";
        return lost();
      case Phase::late:
        thread_first_holder();
        out_ << " held ";
        lock();
        held_for(has_holder() ? holder().access : Access::exclusive);
        out_ << ' ' << longest_hold();
        limit();
        out_ << (finding_.was_said_plainly ? "; released before the full report; " : "; detected only at release; ");
        return lost();
    }
  }

  void hold_over() {
    thread_first_holder();
    other_holders();
    end_clause();
    out_ << (are_several() ? " have " : " has ") << (has_holder() && holder().likely ? "likely " : "") << "held ";
    lock();
    held_for(has_holder() ? holder().access : Access::exclusive);
    out_ << (are_several() ? ", longest " : " ") << longest_hold();
    since_before();
    limit();
    out_ << "; ";
    waiting(true);
  }

  void first_waiter() {
    if (finding_.waiter_count == 0) {
      out_ << "an unknown thread";
    } else {
      append_label(finding_.waiters[0].tid, finding_.waiters[0].thread, out_);
    }
  }
  void thread_first_waiter() {
    if (finding_.waiter_count != 0) out_ << "thread ";
    first_waiter();
  }
  void waits_to() {
    if (finding_.lock.kind == LockKind::mutex || finding_.waiter_count == 0) return;
    out_ << (finding_.waiters[0].access == Access::shared ? " to read" : " to write");
  }
  void held_by() {
    if (!has_holder()) {
      out_ << "; holder unknown";
      return;
    }
    out_ << "; " << (holder().likely ? "likely " : "") << "now held by ";
    first_holder();
    other_holders();
    if (longest_hold().ns > 0) out_ << ", " << (are_several() ? "longest " : "") << longest_hold();
  }
  void more_waiters() {
    if (waiters() > 1) out_ << "; " << Count{waiters() - 1, " more thread waits", " more threads wait"};
  }

  void wait() {
    switch (finding_.phase) {
      case Phase::over:
      case Phase::late:
      case Phase::snapshot:
        return wait_over();
      case Phase::still:
        first_waiter();
        out_ << " still waits for L" << finding_.lock_id << ", " << longest_wait();
        held_by();
        return more_waiters();
      case Phase::released:
        if (finding_.waiter_count == 0) {
          out_ << "the long wait for L" << finding_.lock_id << " is over; ";
        } else {
          first_waiter();
          out_ << " no longer waits for L" << finding_.lock_id << ", after " << longest_wait() << "; ";
        }
        return lost();
    }
  }

  void wait_over() {
    thread_first_waiter();
    if (finding_.phase == Phase::late) {
      out_ << " waited " << longest_wait();
    } else if (finding_.phase == Phase::snapshot && longest_wait().ns == 0) {
      out_ << " waits";
    } else {
      out_ << " has waited " << longest_wait();
    }
    out_ << " for ";
    lock();
    waits_to();
    if (finding_.phase != Phase::snapshot) limit();
    if (finding_.phase == Phase::late) {
      out_ << "; detected only after it ended";
      return;
    }
    held_by();
    more_waiters();
  }

  void abandoned() {
    const Holder* end = finding_.holders + finding_.holder_count;
    const Holder* ended =
        std::find_if(finding_.holders, end, [](const Holder& one) { return one.state == ThreadState::gone; });
    if (ended == end) ended = finding_.holders;
    if (!has_holder()) {
      lock();
      out_ << " was left locked; ";
      return waiting(true);
    }
    if (finding_.phase == Phase::still) {
      out_ << 'L' << finding_.lock_id << " still held by ";
      append_label(ended->tid, ended->thread, out_);
      out_ << ", which has exited, " << Duration{ended->held_ns} << "; ";
      return waiting(false);
    }
    if (finding_.phase == Phase::released) {
      out_ << 'L' << finding_.lock_id << ", which ";
      append_label(ended->tid, ended->thread, out_);
      out_ << " held when it exited, was released after " << Duration{ended->held_ns} << "; ";
      return lost();
    }
    out_ << "thread ";
    append_label(ended->tid, ended->thread, out_);
    out_ << " exited while holding ";
    lock();
    held_for(ended->access);
    if (ended->held_ns != 0) out_ << ", " << Duration{ended->held_ns} << " so far";
    limit();
    out_ << "; ";
    waiting(true);
  }

  // --- cycles ---

  void likely() {
    const Holder* end = finding_.holders + finding_.holder_count;
    if (std::any_of(finding_.holders, end, [](const Holder& one) { return one.likely; })) out_ << "likely ";
  }
  void others_wait() {
    if (waiters() == 0) {
      out_ << "no other waiters";
    } else {
      out_ << Count{waiters(), " other thread waits", " other threads wait"};
    }
  }
  void others_lost() {
    if (finding_.threads_delayed != 0) return lost();
    out_ << "no other waiters seen";
  }
  // How long all of the cycle's threads have waited for each other, if that is known.
  void for_so_long(const char* before) {
    uint64_t youngest_ns = has_holder() ? UINT64_MAX : 0;
    bool since_before = true;
    for (size_t i = 0; i < finding_.holder_count; ++i) {
      youngest_ns = std::min(youngest_ns, finding_.holders[i].waited_ns);
      since_before = since_before && finding_.holders[i].waits_since_before_attach;
    }
    if (youngest_ns == 0) return;
    out_ << before << Duration{youngest_ns} << (since_before ? " at least, since before the attach" : "");
  }
  void locks_of_cycle() {
    for (size_t i = 0; i < finding_.holder_count; ++i) {
      if (i == kShownOfCircle) {
        out_ << " and " << finding_.holder_count - i << " more";
        return;
      }
      if (i > 0) out_ << (i + 1 == finding_.holder_count ? " and " : ", ");
      out_ << 'L' << finding_.holders[i].lock_id;
    }
  }
  void once_around() {
    for (size_t i = 0; i < finding_.holder_count; ++i) {
      if (i == kShownOfCircle) {
        out_ << ", and " << finding_.holder_count - i << " more";
        return;
      }
      if (i > 0) out_ << ", ";
      append_label(finding_.holders[i].tid, finding_.holders[i].thread, out_);
      out_ << " holds L" << finding_.holders[i].lock_id << " and waits for L"
           << finding_.holders[(i + 1) % finding_.holder_count].lock_id;
    }
  }

  void deadlock() {
    if (finding_.phase == Phase::released) {
      out_ << "the deadlock of ";
      locks_of_cycle();
      out_ << " is over";
      for_so_long(", after ");
      out_ << "; ";
      return others_lost();
    }
    likely();
    out_ << "deadlock of ";
    if (finding_.phase == Phase::still) {
      locks_of_cycle();
      out_ << " continues";
      for_so_long(", ");
    } else {
      out_ << Count{finding_.holder_count, " thread", " threads"};
      for_so_long(" for ");
      out_ << ": ";
      once_around();
    }
    out_ << "; ";
    others_wait();
  }

  void self_deadlock() {
    if (finding_.phase == Phase::still || finding_.phase == Phase::released) {
      const bool lasts = finding_.phase == Phase::still;
      first_holder();
      out_ << (lasts ? " still waits for L" : " no longer waits for L") << finding_.lock_id
           << (lasts ? ", which it holds itself" : ", which it held itself");
      for_so_long(lasts ? ", " : ", after ");
      out_ << "; ";
      return lasts ? others_wait() : others_lost();
    }
    thread_first_holder();
    const bool is_dated = has_holder() && holder().waited_ns != 0;
    for_so_long(" has waited ");
    out_ << (is_dated ? " for " : " waits for ");
    lock();
    out_ << ", which it ";
    likely();
    out_ << "holds itself";
    if (has_holder()) held_for(holder().access);
    out_ << "; ";
    others_wait();
  }

  const Finding& finding_;
  TextBuffer& out_;
};

}  // namespace

void append_first_line(const Finding& finding, TextBuffer& out) {
  FirstLine(finding, out).append();
}

}  // namespace holdwatch
