// What was seen of a process's locks at one moment, as values: the stage between looking and telling.
// Plain data.
#pragma once

#include <cstdint>
#include <map>
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
  std::string doing;       // of one that does not wait for a lock
  uint64_t asleep_ns = 0;  // so long it has not run, at least; 0: not known
};

struct SeenWait {
  int tid = 0;
  Access access = Access::exclusive;
  bool likely = false;  // that it is a lock that it waits for
  bool timed = false;   // it ends by itself, when its time is up
};

// What became of an owner that is no thread of the process.
enum class LostOwner : uint8_t { none, ended, of_parent, of_other_process };

struct SeenLock {
  LockRef lock{};
  std::vector<SeenWait> waits;
  std::vector<int> holders;  // by thread id
  Access held_as = Access::exclusive;
  uint32_t depth = 1;
  bool holders_likely = false;   // by their stacks, the lock itself does not name them
  uint32_t unknown_readers = 0;  // hold it for reading, and nothing says who they are
  LostOwner lost = LostOwner::none;
  int owner = 0;               // as the lock names it: another number than the holder's in a container
  bool before_fork = false;    // the holder's number was that before it became this process's main thread
  bool changed_hands = false;  // while it was looked at
};

struct Observation {
  int pid = 0;
  std::string executable;
  std::string host;
  uint64_t wall_clock_ns = 0;
  size_t thread_count = 0;
  std::map<int, SeenThread> threads;  // by thread id: those that wait or hold
  std::vector<SeenLock> locks;        // those that are waited for
};

}  // namespace holdwatch
