// The plain structs that one stage hands to the next, and the only ones that the shim and the symbolizer share.
// Any context. Nothing here owns memory, points back to an earlier stage or calls anything: fixed sizes, trivially
// copyable, so that a struct can be filled in a signal handler, in a lock call or from another process's memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/common/contract/passed_by.h"
#include "shim/common/contract/period.h"
#include "shim/common/contract/wait.h"

namespace holdwatch {

inline constexpr size_t kMaxCallSites = 10;  // return addresses kept for one acquisition
inline constexpr size_t kMaxFrames = 512;    // frames kept of one stack
inline constexpr size_t kNoteSize = 160;     // "what is missing and why", one line
inline constexpr size_t kLockNameSize = 64;  // a name given through the public API
inline constexpr size_t kDoingSize = 512;    // what a thread is doing, one line

// stream: that of a FILE, which flockfile and the functions of stdio take. loader: a mutex of the dynamic loader, found by
// `inspect` only, or if it is part of a deadlock. once, local_static: the right to run an initializer, found by `inspect` only,
// in a deadlock. file_lock: of flock or fcntl, found likewise; it has no address. condition: a condition
// variable, which has no holder.
enum class LockKind : uint8_t { mutex, rwlock, stream, loader, once, local_static, file_lock, condition };
enum class Access : uint8_t { exclusive, shared };

// A lock as the program knows it. The address may point to memory that has been freed: never dereference it.
struct LockRef {
  uintptr_t address;
  LockKind kind;

  bool operator==(const LockRef&) const = default;
};

// One return address and the value that the stack pointer has once the call has returned to it.
struct CallSite {
  uintptr_t pc;
  uintptr_t sp;
};

// What was known of a thread's registers. A register whose bit is not set in `known` has no meaningful value.
struct Registers {
  enum Known : uint32_t {
    kIpIsKnown = 1u << 0,
    kSpIsKnown = 1u << 1,
    kBpIsKnown = 1u << 2,
    kBxIsKnown = 1u << 3,
    kR12IsKnown = 1u << 4,
    kR13IsKnown = 1u << 5,
    kR14IsKnown = 1u << 6,
    kR15IsKnown = 1u << 7
  };
  uintptr_t ip, sp, bp, bx, r12, r13, r14, r15;
  uint32_t known;
  // True if `ip` is the next instruction of an interrupted or blocked thread, false if it is a return address: the
  // instruction that belongs to a return address is the call before it.
  bool ip_is_exact;
};

// unknown: a core file does not contain the state, nor does the kernel report that of a thread that may have exited.
enum class ThreadState : uint8_t { running, blocked, stopped, gone, unknown };

// The system call that a blocked thread is in, from /proc/PID/task/TID/syscall (Documentation/filesystems/proc.rst).
struct SystemCall {
  bool known;
  long number;
  uint64_t arguments[6];
};

// A thread at one moment, as far as it could be captured without disturbing it. If `copy` is null, the stack must be
// read from the live thread, and is valid only as long as the thread does not run: verify afterwards.
struct Snapshot {
  int tid;
  ThreadState state;
  Registers registers;
  SystemCall call;
  bool in_page_fault;         // blocked, but in no system call
  uintptr_t stack_end;        // one past the highest stack address, 0 if not known
  const unsigned char* copy;  // stack bytes from copy_address on, copied at the moment of the registers
  uintptr_t copy_address;
  size_t copy_size;
  bool copy_is_old;     // the thread has continued since: no stack beyond the copy may be read from the live thread
  Period when;          // when it was taken; code may have been replaced since
  uint64_t switches;    // the thread's context switches, from /proc/PID/task/TID/status
  bool switches_known;  // false: nothing live to verify against, the snapshot stays true of its moment
  char why_short[kNoteSize];  // empty, or what could not be captured and why
};

// One frame: where it is, and the stack pointer that its caller has after it returns (the canonical frame address).
struct RawFrame {
  uintptr_t pc;
  uintptr_t cfa;
  bool pc_is_exact;  // see Registers::ip_is_exact; true also for the frame that a signal interrupted
};

// A stack, innermost frame first. `complete`: it reaches the function in which the thread started.
struct RawStack {
  uint32_t count;
  bool complete;
  char note[kNoteSize];  // empty, or what is missing and why
  uintptr_t sp;          // the innermost frame's stack pointer, 0 if not known
  Period when;           // that of the snapshot
  RawFrame frames[kMaxFrames];
};

// Which file a descriptor refers to: fstat's st_dev, st_ino and st_rdev.
struct FileFacts {
  uint64_t device;
  uint64_t inode;
  uint64_t special_device;
  bool known;  // false: the descriptor was not open
};

enum class Event : uint8_t {
#define HOLDWATCH_EVENT(name, ending, journal_id) name,
#include "shim/common/contract/events.def"
#undef HOLDWATCH_EVENT
};

enum class Ending : uint8_t { may_end, lasts_forever };

constexpr Ending ending_of(Event event) {
  constexpr Ending kEndings[] = {
#define HOLDWATCH_EVENT(name, ending, journal_id) Ending::ending,
#include "shim/common/contract/events.def"
#undef HOLDWATCH_EVENT
  };
  return kEndings[static_cast<uint8_t>(event)];
}

// In these events the holders are a cycle: each waits for what the next one holds, or for its end, the last for what the
// first one holds.
constexpr bool is_cycle(Event event) {
  return event == Event::deadlock || event == Event::self_deadlock;
}

// In these events the holders are the subject: each has held the lock over its limit, or can never release it.
constexpr bool is_about_holds(Event event) {
  return event == Event::hold || event == Event::abandoned || event == Event::fork_orphan;
}

// In these events the waits are the subject: whoever holds the lock now is chance, or does not matter.
constexpr bool is_about_waits(Event event) {
  return event == Event::wait || event == Event::corrupt || event == Event::lost_wakeup;
}

// over: found while it lasts. still: it continues. released: it has ended. late: it ended before the watcher saw it.
// snapshot: the program requested a report of all held locks; no limit is involved.
enum class Phase : uint8_t { over, still, released, late, snapshot };

constexpr bool has_ended(Phase phase) {
  return phase == Phase::released || phase == Phase::late;
}

// How the lock was acquired, if that changes what a reader needs to know about the "taken" stack. unseen: the call
// bypassed our hooks; inside_call: a signal handler has interrupted the lock call, or the unlock; elsewhere: in another
// process; by_loader: it is one of the dynamic loader's own; by_its_code: unknown, but the frame that will release it is.
enum class Acquired : uint8_t {
  by_call,
  by_condition_wait,
  before_attach,
  unseen,
  inside_call,
  elsewhere,
  by_loader,
  by_its_code
};

// A thread that holds the lock of a Finding (in `released` and `late`: held); in a cycle, each holds a different lock.
struct Holder {
  int tid;
  char thread[kThreadNameSize];
  // If the holder is in another process (acquired: elsewhere) that was found; otherwise 0 and empty.
  int pid;
  char process[kThreadNameSize];
  LockRef lock;
  uint32_t lock_id;  // 3 for "L3"; in a cycle 0 if it holds no lock: another one of the cycle joins it
  char lock_name[kLockNameSize];
  Access access;
  Acquired acquired;
  ThreadState state;
  uint32_t depth;    // how often it holds the lock (recursive mutexes, repeated read locks)
  uint64_t held_ns;  // a lower bound: at least so long
  Period acquired_when;
  uint32_t site_count;
  CallSite sites[kMaxCallSites];  // innermost first; [0] is where the lock call returned to
  const RawStack* taken;          // the stack at the acquisition as far as it was captured then, null if not at all
  bool taken_is_part;             // only its innermost frames; false: everything there was (STACKS=full)
  const RawStack* now;            // where the thread is now (late, released: where it released), null if not captured
  SystemCall call;
  Wait wait;                       // what the thread waits for, read at the same moment as `doing`
  WaitChain chain;                 // the threads that it waits for
  char doing[kDoingSize];          // the call in words, read while the thread was in it; empty if not known
  uint32_t waits_for;              // id of the lock that this holder itself waits for, 0 if none
  uint64_t waited_ns;              // for `wait`, or in a cycle: a lower bound; 0: not known
  bool waits_since_before_attach;  // waited_ns counts from the attachment
  bool likely;                     // not proven by the lock's own fields, or maybe not the same hold
  Evidence evidence;
};

// A thread that has an rwlock for reading by what one of its frames will release (evidence: guard or code), and how often.
struct FoundReader {
  int tid;
  Evidence evidence;
  uint32_t times;
  CallSite frame;  // the frame's present call
};

// A thread that waits for the lock of a Finding, or for a lock of its cycle without being part of the cycle.
struct Waiter {
  int tid;
  char thread[kThreadNameSize];
  uint32_t lock_id;
  Access access;
  uint64_t waited_ns;
  bool has_timeout;
  const RawStack* stack;  // null if not captured
  bool unseen;            // its call bypassed our hooks
  uintptr_t object;       // of a condition wait: the condition; 0: not known
  uint64_t tries;         // it does not sleep, but has tried so often in vain, at least; 0: an ordinary wait
};

// A thread that is behind the lock of a Finding without waiting for it, or holds what others behind it wait for.
struct BehindThread {
  int tid;
  char thread[kThreadNameSize];
  uint32_t lock_id;   // of the lock that it holds and the next one waits for; 0: none, that one waits for its end
  LockRef waits_for;  // address 0: it waits for the end of the thread before it
  bool has_timeout;
  uint64_t waited_ns;
};

// What the watcher found, captured and verified: everything in a report except names and lines. The arrays stay valid
// during the call that hands the finding over.
struct Finding {
  Event event;
  Phase phase;
  uint64_t episode;
  uint64_t wall_clock_ns;  // CLOCK_REALTIME at the moment up to which its durations count
  uint64_t limit_ns;
  LockRef lock;
  uint32_t lock_id;  // 3 for "L3"
  char lock_name[kLockNameSize];
  const Holder* holders;
  size_t holder_count;
  const Waiter* waiters;
  size_t waiter_count;      // entries in `waiters`
  size_t waiters_left_out;  // waiting threads beyond that, counted only
  uint64_t lost_ns;         // thread-time lost by all waiters so far
  size_t threads_delayed;   // how many distinct waits made up lost_ns
  // Threads that wait for others that are behind the lock, or behind the cycle: how many now, since when the first, and how much
  // time they have lost.
  size_t behind_threads;
  uint64_t behind_longest_ns;
  uint64_t behind_lost_ns;
  size_t threads_seen;         // once it has ended: all who were seen to wait for it, directly or through others
  const BehindThread* behind;  // the way to those who are farthest behind the lock, nearest first
  size_t behind_count;
  size_t behind_left_out;     // steps beyond that
  uint64_t unrecorded_holds;  // holds that did not fit into a thread's record since start
  uint64_t unreported_holds;  // holds over their limit that ended unreported since start, too many at once
  PassedBy passed;            // of a wait
  char note[kNoteSize];       // empty, or one more remark
  bool released_by_holder;    // released: not by another thread, nor in a call that the hooks do not see
  bool was_seen;              // late: before it ended, but it was not reported in time
  bool had_fallback_report;   // late: it was seen, and reported without stacks
  // Whoever sets it writes the first line; null: nobody else writes it. If reports go to standard error, the line is
  // there already.
  std::atomic<bool>* first_line_written;
  uint64_t until_ns;  // CLOCK_MONOTONIC at the time of `wall_clock_ns`, which may be set meanwhile
};

}  // namespace holdwatch
