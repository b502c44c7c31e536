// The first lines of holds, of locks that no thread can release any more, and of unlocks without a hold (line_parts.h).
#include "shim/common/text/line_parts.h"

namespace holdwatch {
namespace {

class HoldLine : LineParts {
 public:
  HoldLine(const FirstLine& facts, TextBuffer& out) : LineParts(facts, out) {}

  void write() {
    if (facts_.event == Event::abandoned) return abandoned();
    if (facts_.event == Event::fork_orphan) return fork_orphan();
    if (facts_.event == Event::stray_unlock) return stray_unlock();
    hold();
  }

 private:
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
    out_ << facts_.lock_id << (facts_.released_by_holder ? " released by " : " is no longer held by ");
    thread(facts_.holder.label);
    other_holders();
    end_clause();
    out_ << (facts_.released_by_holder ? " after " : ", after ") << Duration{facts_.holder.held_ns} << "; ";
    lost();
  }

  void hold_late() {
    subject(facts_.holder.label);
    out_ << " held ";
    lock();
    held_for(facts_.holder);
    out_ << ' ' << Duration{facts_.holder.held_ns};
    limit();
    out_ << (facts_.had_fallback_report ? "; released before the full report; "
             : facts_.was_seen          ? "; released before it could be reported; "
                                        : "; detected only at release; ");
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

  void stray_unlock() {
    subject(facts_.holder.label);
    out_ << " unlocked ";
    lock();
    out_ << ", which no thread held";
  }
};

}  // namespace

void append_hold_line(const FirstLine& facts, TextBuffer& out) {
  HoldLine(facts, out).write();
}

}  // namespace holdwatch
