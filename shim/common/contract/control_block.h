// The part of a watched process's memory through which holdwatch's commands communicate with it: attach, detach,
// snapshot, limit ...
// Any context. The command writes into it from outside, with process_vm_writev, so that the kernel decides who may do
// so (PTRACE_MODE_ATTACH: the same user, or root), and no file, socket or signal is visible in the process.
//
// One request at a time: the command writes `request`, `argument`, `options`, then a new number in `requested`; the process
// does what was requested, writes `succeeded` and `answer`, then `answered`. Commands find the struct by its exported name
// holdwatch_control_block.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/common/contract/lock_list.h"

namespace holdwatch {

inline constexpr char kControlMagic[16] = "holdwatch-block";
inline constexpr uint32_t kControlVersion = 2;
inline constexpr size_t kControlAnswerSize = 2048;  // room for some paths
inline constexpr size_t kControlOptionsSize = 8192;
inline constexpr size_t kControlPathSize = 64;
// The end of the answer if watching cannot be started: the command can tell better which limit to raise.
inline constexpr char kNoRoomForWatch[] = "it has no thread or memory left for holdwatch";

enum class ControlState : uint32_t {
  loading,    // loaded; its constructor has not run
  preloaded,  // the hooks have been in front of the program's functions since its start
  left_out,   // the same, but the program is not to be watched (EXE)
  idle,       // loaded by attach: no call is redirected, no thread of ours exists
  attaching,
  attached,
  detaching,
};

// snapshot: the locks that are held are to be reported, or all condition waits. stuck: what has been stuck since before the
// attachment is to be reported. list: who holds and who waits for which lock is to be listed, for the command alone.
enum class ControlRequest : uint32_t { none, attach, snapshot, stop, start, limit, detach, stuck, list };

// A thread that was asleep before the attachment, as the scheduler shows only to other processes. While its context
// switches are as many as here, it has not run since.
struct EarlierSleep {
  uint64_t asleep_ns;  // at least so long, when the request was sent
  uint64_t switches;
  int32_t tid;  // in the namespace of the process
};
inline constexpr size_t kMaxEarlierSleeps = 4096;

// As the argument of `snapshot`: the condition waits.
inline constexpr uint64_t kSnapshotOfConditionWaits = 1;

// A library that the process cannot read: from where to load it, and a descriptor to be closed afterwards, plus one.
// Empty and 0 if it finds the library by itself.
struct HandedLibrary {
  char path[kControlPathSize];
  uint32_t descriptor;
};

struct ControlBlock {
  char magic[16];
  uint32_t version;
  uint32_t size;  // of this struct
  // Written by the process.
  std::atomic<ControlState> state;
  std::atomic<uint32_t> answered;      // the number of the latest request that was completed
  std::atomic<uint32_t> succeeded;     // 1 or 0
  std::atomic<uint32_t> watcher_runs;  // 1 while a watcher runs, which checks for requests at each wake-up
  int (*attach)();                     // to be called in a thread of the process; 0 or an errno
  EarlierSleep* earlier_sleeps;        // room for kMaxEarlierSleeps, which the command fills in for `stuck`
  const LockList* lock_list;           // the answer to `list`, once it has been requested
  char answer[kControlAnswerSize];     // one line for the command to print, empty if there is nothing to print
  // Written from outside.
  std::atomic<uint32_t> requested;  // the number of the latest request
  std::atomic<ControlRequest> request;
  // limit: nanoseconds; snapshot: see above; stuck: how many earlier sleeps there are; list: how long an uncontended lock
  // must have been held, in nanoseconds.
  std::atomic<uint64_t> argument;
  char options[kControlOptionsSize];  // attach: "HOLDWATCH_LIMIT=1s" and so on, each zero-terminated, then an empty one
  HandedLibrary symbolizer, decoder;
};

}  // namespace holdwatch

extern "C" [[gnu::visibility("default")]] holdwatch::ControlBlock holdwatch_control_block;
