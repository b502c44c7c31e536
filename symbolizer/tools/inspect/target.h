// What is inspected: the threads and the memory of a process that lives, or of one that left a core file. The stages
// behind do not know which.
// Cold context, in a process of our own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/symbols/symbols.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch {

// One thread as it was at one look.
struct Task {
  int tid = 0;          // as we count it
  int own_tid = 0;      // as the process counts it: another number in a container
  Snapshot snapshot{};  // its registers and system call, without a copy of its stack
};

// A thread's registers with the part of its stack that is in use, all of one moment.
struct Capture {
  Snapshot snapshot{};
  std::vector<unsigned char> stack;  // what snapshot.copy points to
};

// What a thread of another process is to this one.
enum class Kin : uint8_t {
  none,              // it is nowhere to be found
  main_before_fork,  // likely what is the main thread here since a fork
  of_parent,         // a thread of the parent that did not fork
  alive_elsewhere,
};

class Target {
 public:
  virtual ~Target() = default;

  virtual int pid() const = 0;
  virtual std::string executable() = 0;
  // Where its program's file can be read.
  virtual std::string program_file() const = 0;
  virtual std::string host() const = 0;
  virtual uint64_t wall_clock_ns() const = 0;

  virtual MemoryReader& memory() = 0;
  virtual Modules& modules() = 0;
  virtual DebugSearch debug_search() const = 0;

  // All its threads, those that have ended left out.
  virtual std::vector<Task> tasks() = 0;
  virtual std::string thread_name(int tid) = 0;

  // So long the thread has not run at all, at least; 0: not known.
  virtual uint64_t asleep_ns(int tid) = 0;

  // Captures where a thread is now; the snapshot's why_short says what could not be had.
  virtual Capture capture(const Task& task) = 0;

  // The same with all registers, for which a blocked thread has to be stopped too: only for one whose call is made again
  // by the kernel as if nothing had happened.
  virtual Capture capture_registers(const Task& task) = 0;

  // Whether a thread has been where it was at that look ever since.
  virtual bool has_stayed(const Task& task) = 0;

  // What it is doing, in words.
  virtual std::string describe(const Snapshot& snapshot, const std::string& lock_id) = 0;

  // What is known of an owner that is no thread of the process.
  virtual Kin kin(int own_tid) = 0;

  // What the process felt of it, in words.
  virtual std::string how_looked() const = 0;
};

}  // namespace holdwatch
