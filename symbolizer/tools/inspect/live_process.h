// A running process as the target of an inspection: /proc shows where its blocked threads are, without affecting them.
// A running thread whose stack is needed is sampled by the kernel, or, where that is not allowed, stopped for a moment.
// Cold context. Writes nothing to the process.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "symbolizer/tools/inspect/target.h"
#include "symbolizer/tools/scheduler/thread_sleep.h"
#include "symbolizer/unwind/process_memory.h"

namespace holdwatch {

class LiveProcess final : public InspectTarget {
 public:
  // Null if it cannot be inspected; then `why` is one line that says what to do.
  static std::unique_ptr<LiveProcess> open(int pid, std::string& why);

  int pid() const override { return pid_; }
  std::string executable() override;
  std::string program_file() const override { return proc() + "/exe"; }
  std::string host() const override;
  uint64_t wall_clock_ns() const override;
  MemoryReader& memory() override { return memory_; }
  Modules& modules() override { return modules_; }
  DebugSearch debug_search() const override;
  std::vector<Task> tasks() override;
  std::string thread_name(int pid, int tid) override;
  uint64_t asleep_ns(int tid) override { return sleep_.asleep_ns(pid_, tid); }
  std::optional<uint64_t> most_age_ns(int pid, int tid) override;
  Capture capture(const Task& task) override;
  Capture capture_registers(const Task& task) override;
  bool look_again(Task& task) override;
  bool has_stayed(const Task& task) override { return has_stayed_in(pid_, task); }
  CallContext context(int tid) override { return {ThreadFiles::of(pid_, tid), &memory_, "", {}}; }
  Kin kin(int namespace_tid) override;
  std::optional<SharedOwner> shared_owner(uintptr_t lock, int id) override;
  std::optional<OtherThread> other_thread(int pid, int tid) override;
  bool has_stayed(const OtherThread& other) override { return has_stayed_in(other.pid, other.task); }
  std::string effect_on_process() const override;

 private:
  LiveProcess(int pid, int reading_tid)
      : pid_(pid), reading_tid_(reading_tid), memory_(reading_tid), modules_(reading_tid, memory_) {}
  static bool has_stayed_in(int pid, const Task& task);
  Capture capture_blocked(const Task& task);
  bool capture_running(const Task& task, Capture& out);
  std::string proc() const { return "/proc/" + std::to_string(reading_tid_); }

  int pid_;
  int reading_tid_;  // a thread that has memory: the main one may have exited
  ProcessMemory memory_;
  Modules modules_;
  ThreadSleep sleep_;
  // By the address of a lock and the id in it.
  std::map<std::pair<uintptr_t, int>, std::optional<SharedOwner>> shared_owners_;
  size_t samples_ = 0;
  size_t stops_ = 0;
  uint64_t longest_stop_ns_ = 0;
};

}  // namespace holdwatch
