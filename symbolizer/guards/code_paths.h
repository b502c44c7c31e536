// Follows code from one place on, both ways where a branch cannot be decided, and notes what the calls on each path do to locks.
// Cold context only; one thread at a time. Bounded in steps. Nothing is executed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/guards/code_reader.h"
#include "symbolizer/guards/lock_calls.h"
#include "symbolizer/guards/machine.h"
#include "symbolizer/unwind/code.h"

namespace holdwatch {

// What is known of one lock after some steps of a path.
using Locks = std::vector<LockRef>;

enum class PathEnd : uint8_t {
  returned,  // from the function in which it began
  ended,     // in a call that does not return
  lost       // it leads where it cannot be followed, or too far
};

// What happened to locks on a path.
struct PathLocks {
  PathEnd end = PathEnd::lost;
  Locks released;  // without having been acquired on the path: the thread had them at its beginning
  std::vector<uintptr_t>
      released_at;       // where the call that does it returns to, in the function in which the path began
  Locks acquired;        // and not released
  Locks acquired_first;  // that were acquired before they were released, whatever came later
  // What the landing pads of calls release before which the path makes no other call but such that release locks. Only with
  // `looks_at_pads`, and in a handler.
  Locks guarded;
  // How many of `released` came before the first call that leads to unknown code, if there is one.
  std::optional<size_t> released_before_unknown{};
  bool is_handled = false;  // of a landing pad: it leads to a handler of the program, after which the path continues
};

struct PathStart {
  Machine machine;
  uintptr_t pc;
  Locks acquired{};            // what a call that is still under way acquires
  unsigned max_depth = 0;      // of calls that are followed
  bool looks_at_pads = false;  // at calls that come first
  bool stops_at_call = false;  // at the first call, which is followed only if it releases a lock
  bool is_pad = false;
  // If not 0: a path ends at the call that returns to here, see Found::arrivals. A lock that it acquires may be unknown, and it is left
  // out if it cannot be followed, or goes through a loop for the third time without it being known whether it does.
  uintptr_t until = 0;
  bool calls_may_throw =
      false;  // those of the function in which it begins: then it also continues in their landing pads
};

// A path that has come to the call which it was to end at.
struct Arrival {
  Machine machine;  // before the call
  Known target;     // of the call
  Locks acquired;   // on the path, and not released
  Locks released;   // without having been acquired on it
  bool is_whole;    // every call was followed that may do something to locks, and it was known to which
};

class CodePaths {
 public:
  // All must outlive this object.
  CodePaths(Code& code, CodeReader& instructions, LockCalls& calls, MemoryReader& memory)
      : code_(code), instructions_(instructions), calls_(calls), memory_(memory) {}

  struct Found {
    std::vector<PathLocks> paths;
    std::vector<Arrival> arrivals;
    bool is_complete = true;        // no path was left out
    bool releases_unknown = false;  // some path releases a lock whose address depends on a register that is not known
    bool acquires_unknown = false;  // or acquires one
    bool leads_to_unknown = false;  // or goes to code whose address does
    bool lacks_registers =
        false;  // a lock's address, or the way through a landing pad, depends on one that is not known
    std::vector<uintptr_t> signalled;  // conditions and semaphores, on some path
    bool lacks_signalled = false;      // and others, at addresses that depend on registers that are not known
  };

  Found follow(const PathStart& start);

  // What a landing pad releases, if the function is left by an exception in this state; see PathLocks.
  Found follow_pad(const Machine& machine, uintptr_t pad);

 private:
  struct Frame;
  struct Path;
  class Run;

  Code& code_;
  CodeReader& instructions_;
  LockCalls& calls_;
  MemoryReader& memory_;
  unsigned nesting_ = 0;  // of pads
  unsigned running_ = 0;  // searches, of which one has begun the next
  unsigned steps_ = 0;    // of all that are running
};

bool contains(const Locks& locks, const LockRef& lock);

// Where such a call on the way to the release returns to; 0 if it is not known.
uintptr_t place_of_release(const CodePaths::Found& found, const LockRef& lock);

// The locks that all of the paths have released which were not lost; nothing if some of them were.
Locks released_by_all(const CodePaths::Found& found);

}  // namespace holdwatch
