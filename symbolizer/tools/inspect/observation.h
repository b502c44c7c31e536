// What was seen of a process's locks at one moment, as values: the stage between inspecting and reporting.
// Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "symbolizer/report/report.h"

namespace holdwatch {

// A thread that waits for a lock, or holds one that is waited for.
struct SeenThread {
  int tid = 0;
  std::string name;
  ThreadState state = ThreadState::blocked;
  Stack stack;
  std::string doing;       // if it does not wait for a lock
  Wait wait{};             // the same for programs
  uint64_t asleep_ns = 0;  // it has not run for at least this long; 0: unknown
  int pid = 0;             // a thread of another process: that one, and its name
  std::string process;
};

struct SeenWait {
  int tid = 0;
  Access access = Access::exclusive;
  bool likely = false;       // it is not certain that it waits for a lock
  bool timed = false;        // the wait ends by itself when its timeout expires, or perhaps by an alarm
  bool for_readers = false;  // as the writer that has an rwlock next (common/glibc/futex_wait.h)
};

// What is known of an owner that is not a thread of the process. unclear: it may be one thread or another, in different pid
// namespaces, or with before_fork one that the fork left behind or the main thread. younger: the thread that has its id began after
// another one had begun to wait for the lock, so the id may have been another thread's.
enum class LostOwner : uint8_t { none, ended, of_parent, of_other_process, unclear, younger };

// How it is known that a thread holds a lock which does not say so, or which function took it.
struct SeenGuard {
  Evidence evidence = Evidence::stack;
  uint32_t times = 1;
  Stack taken;
  std::optional<size_t> now_took;  // see ReportHolder
};

// No thread can release what it held.
constexpr bool is_gone(LostOwner lost) {
  return lost == LostOwner::ended || lost == LostOwner::of_parent;
}

struct SeenLock {
  LockRef lock{};
  std::string name;  // empty: none
  std::vector<SeenWait> waits;
  std::vector<int> holders;         // by thread id
  std::map<int, SeenGuard> guards;  // of holders, where there is one
  Access held_as = Access::exclusive;
  uint32_t depth = 1;
  bool holders_likely = false;   // found by their stacks, not named by the lock itself
  uint32_t unknown_readers = 0;  // threads that hold it for reading and cannot be identified
  LostOwner lost = LostOwner::none;
  int owner = 0;               // as in the lock: in a container, another number than the holder's
  bool before_fork = false;    // the owner has its number from before the fork that made this process
  bool changed_hands = false;  // during the inspection
  bool corrupt = false;        // its next writer waits for readers, of whom it has an impossible number; or overwritten
  bool left_by_exited = false;  // a stream: its owner, whose id is not known, has exited
  bool free = false;            // no thread has it
  bool lost_wakeup = false;     // and none is about to take it, or to wake those who wait
};

// Threads in a condition wait that have to do with no lock that is waited for, at one place.
struct SeenIdle {
  Stack stack;
  std::vector<SeenThread> threads;  // without their stacks
  uintptr_t condition = 0;          // 0: not known, or several
  std::string name;
};

struct Observation {
  int pid = 0;
  std::string executable;
  std::string host;
  uint64_t wall_clock_ns = 0;
  size_t thread_count = 0;
  std::map<int, SeenThread> threads;  // by thread id: those that wait or hold
  std::vector<SeenLock> locks;        // those that are waited for
  std::map<int, int>
      joins;  // who waits for the end of which thread, or of the process that has only this, without a timeout
  std::vector<SeenLock> file_locks;  // of files, that are in the way of a thread, and whose holders are known
  std::vector<SeenLock>
      likely_locks;  // initializers, and locks of files, of which a thread is only likely the one that has them
  std::vector<SeenIdle> idle;
  size_t idle_not_looked_at = 0;  // threads that may be idle, too
};

}  // namespace holdwatch
