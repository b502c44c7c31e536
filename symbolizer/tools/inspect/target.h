// What is inspected: the threads and the memory of a running process, or of one that left a core file. Later stages do
// not need to know which.
// Cold context, in a process of our own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "shim/common/proc/shared_owner.h"
#include "symbolizer/activity/context.h"
#include "symbolizer/symbols/symbols.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// One thread as it was at one look.
struct Task {
  int tid = 0;            // in our pid namespace
  int namespace_tid = 0;  // in its own pid namespace: another number in a container
  Snapshot snapshot{};    // its registers and system call, without a copy of its stack
};

// A thread's registers with the part of its stack that is in use, all from one moment.
struct Capture {
  Snapshot snapshot{};
  std::vector<unsigned char> stack;  // what snapshot.copy points to
};

// How a thread of another process is related to this one.
enum class Kin : uint8_t {
  none,              // not found anywhere
  main_before_fork,  // likely the thread that became the main thread here at a fork
  of_parent,         // a thread of the parent that did not fork
  older,             // one of the two above: it is only known to be older than the process
};

// A thread of another process for which one of this process waits, or another such thread.
struct OtherThread {
  int pid = 0;
  Task task;
  std::string name, process;
  uint64_t asleep_ns = 0;  // it has not run for at least this long; 0: unknown
  // The futex word of memory shared with this process on which it sleeps without a timeout, where this process has it; 0: none.
  uintptr_t word = 0;
  Wait wait{};       // if it waits for a lock of a file or a child
  std::string file;  // whose lock that is
};

class InspectTarget {
 public:
  virtual ~InspectTarget() = default;

  virtual int pid() const = 0;
  virtual std::string executable() = 0;
  // Where the program's file can be read.
  virtual std::string program_file() const = 0;
  virtual std::string host() const = 0;
  virtual uint64_t wall_clock_ns() const = 0;

  virtual MemoryReader& memory() = 0;
  virtual Modules& modules() = 0;
  virtual DebugSearch debug_search() const = 0;

  // All its threads, except those that have exited.
  virtual std::vector<Task> tasks() = 0;
  virtual std::string thread_name(int pid, int tid) = 0;  // pid 0: of its own; empty: not known

  // The thread has not run for at least this long; 0: unknown.
  virtual uint64_t asleep_ns(int tid) = 0;

  // That thread has not existed for longer; nothing if it is not known.
  virtual std::optional<uint64_t> most_age_ns(int pid, int tid) = 0;

  // Captures where a thread is now; the snapshot's why_short says what could not be captured.
  virtual Capture capture(const Task& task) = 0;

  // The same with all registers, for which even a blocked thread must be stopped: only for a thread whose call the
  // kernel restarts as if nothing had happened.
  virtual Capture capture_registers(const Task& task) = 0;

  // After capture_registers: `task` becomes a new look, for later comparisons. Returns whether it is in the same call as before.
  virtual bool look_again(Task& task) = 0;

  // Whether a thread has stayed where it was since that look.
  virtual bool has_stayed(const Task& task) = 0;

  // What a thread's system call refers to. Valid as long as this object.
  virtual CallContext context(int tid) = 0;

  // What is known of an owner that is not a thread of the process.
  virtual Kin kin(int namespace_tid) = 0;

  // Whom the lock at this address, which processes share, means by the id of its owner; nothing if its memory is the process's own.
  virtual std::optional<SharedOwner> shared_owner(uintptr_t lock, int id) = 0;

  // That thread, if it is of another process, and whether it has stayed where it was since then; nothing if we may not look.
  virtual std::optional<OtherThread> other_thread(int pid, int tid) = 0;
  virtual bool has_stayed(const OtherThread& other) = 0;

  // How the inspection affected the process, in words.
  virtual std::string effect_on_process() const = 0;
};

}  // namespace holdwatch
