// See lock_facts.h.
#include "symbolizer/tools/inspect/lock_facts.h"

#include <algorithm>

#include "shim/common/text/left_stream.h"
#include "shim/common/text/unknown_readers.h"

namespace holdwatch {
namespace {

constexpr char kFree[] = "it is free: its waiters are about to get it, or their wake-up was lost";

std::string unknown_readers_text(const SeenLock& lock) {
  Line<128> text;
  append_unknown_readers(lock.unknown_readers, !lock.holders.empty(), text);
  return text.c_str();
}

std::string before_fork_text(const SeenLock& lock) {
  return "it was taken before a fork, as thread " + std::to_string(lock.owner) +
         "; if that thread is now the main thread, it can still release it";
}

std::string unclear_text(const SeenLock& lock) {
  if (lock.before_fork) {
    return "it was taken before a fork, by a thread " + std::to_string(lock.owner) +
           ": whether that is the main thread of today is not known";
  }
  return "the lock names thread " + std::to_string(lock.owner) + ", which may be one of another pid namespace";
}

std::string younger_text(const SeenLock& lock) {
  return "the lock names thread " + std::to_string(lock.owner) +
         ", which began after a thread had begun to wait: another one may have had that id before";
}

}  // namespace

void add_note(std::string& note, const std::string& more) {
  if (!note.empty()) note += "; ";
  note += more;
}

// A way leads on only where that is no guess: not if it is a reader that nothing names who keeps the others waiting.
std::vector<int> certain_holders(const SeenLock& lock) {
  if (lock.holders_likely || lock.unknown_readers > 0) return {};
  std::vector<int> certain = lock.holders;
  std::erase_if(certain, [&](int tid) {
    const auto guard = lock.guards.find(tid);
    return lock.owner == 0 && guard != lock.guards.end() && is_guess(guard->second.evidence);
  });
  return certain;
}

bool is_lost(const SeenLock& lock) {
  return is_gone(lock.lost) || lock.lost == LostOwner::of_other_process;
}

Event event_of(const SeenLock& lock) {
  if (lock.corrupt) return Event::corrupt;
  if (lock.lost_wakeup) return Event::lost_wakeup;
  switch (lock.lost) {
    case LostOwner::ended:
      return Event::abandoned;
    case LostOwner::of_parent:
      return Event::fork_orphan;
    case LostOwner::none:
    case LostOwner::of_other_process:
    case LostOwner::unclear:
    case LostOwner::younger:
      break;
  }
  return Event::wait;
}

void name_lock(const SeenLock& lock, const std::string& id, Report& report) {
  report.lock_id = id;
  report.lock_kind = lock.lock.kind;
  report.lock_address = lock.lock.address;
  report.lock_name = lock.name;
  if (std::any_of(lock.waits.begin(), lock.waits.end(), [](const SeenWait& wait) { return wait.likely; })) {
    add_note(report.note, "likely this lock: inferred from memory, not from a function's name or argument");
  }
}

void add_notes(const SeenLock& lock, Report& report) {
  if (lock.unknown_readers != 0 && !lock.corrupt) add_note(report.note, unknown_readers_text(lock));
  if (lock.free && !lock.lost_wakeup) add_note(report.note, kFree);
  if (lock.left_by_exited) add_note(report.note, kLeftByExited);
  if (lock.before_fork && lock.lost != LostOwner::unclear) add_note(report.note, before_fork_text(lock));
  if (lock.changed_hands) add_note(report.note, "its holder changed during the inspection");
  if (lock.lost == LostOwner::of_other_process) {
    add_note(report.note, "it is shared between processes: its holder " + std::to_string(lock.owner) +
                              " belongs to another process");
  }
  if (lock.lost == LostOwner::unclear) add_note(report.note, unclear_text(lock));
  if (lock.lost == LostOwner::younger) add_note(report.note, younger_text(lock));
}

ReportHolder lost_holder(const SeenLock& lock) {
  ReportHolder out;
  out.tid = lock.owner;
  out.depth = lock.depth;
  out.evidence = Evidence::stated;
  const bool elsewhere = lock.lost == LostOwner::of_other_process;
  out.state = elsewhere ? ThreadState::unknown : ThreadState::gone;
  out.elsewhere = elsewhere;
  out.taken.note = kNotWatched;
  out.now.note = elsewhere ? "not captured: the thread belongs to another process" : "the thread has exited";
  return out;
}

void add_guard(const SeenGuard& guard, const SeenLock& lock, ReportHolder& out) {
  out.taken = guard.taken;
  out.now_took = guard.now_took;
  if (lock.owner != 0) return;  // the lock itself says who has it
  out.evidence = guard.evidence;
  out.likely = is_guess(guard.evidence);
  out.depth = guard.times;
}

std::string addresses(const Stack& stack) {
  std::string key;
  for (const Frame& frame : stack.frames) key += std::to_string(frame.ip) + ' ';
  return key;
}

ReportWaiters group(Access access, std::vector<const SeenThread*>& threads, Report& report) {
  std::stable_sort(threads.begin(), threads.end(),
                   [](const SeenThread* a, const SeenThread* b) { return a->asleep_ns > b->asleep_ns; });
  ReportWaiters out;
  out.access = access;
  out.longest_ns = threads.front()->asleep_ns;
  out.stack = Stack(threads.front()->stack);  // not assigned: gcc 16 warns of a null pointer in that, wrongly
  for (const SeenThread* thread : threads) {
    out.tids.push_back(thread->tid);
    out.threads.push_back(thread->name);
    report.lost_ns += thread->asleep_ns;
    ++report.threads_delayed;
  }
  return out;
}

}  // namespace holdwatch
