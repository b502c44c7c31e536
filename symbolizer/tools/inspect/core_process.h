// A process that left a core file as the target of an inspection.
// Cold context. Nothing changes any more: every look gives the same result.
#pragma once

#include <memory>
#include <string>

#include "symbolizer/tools/inspect/core_file.h"
#include "symbolizer/tools/inspect/core_memory.h"
#include "symbolizer/tools/inspect/target.h"

namespace holdwatch {

class CoreProcess final : public InspectTarget {
 public:
  // Null if the file is not a readable core file; `why` is the reason. `program` replaces the program's path in the
  // core; empty: as in the core.
  static std::unique_ptr<CoreProcess> open(const std::string& path, const std::string& program, std::string& why);

  int pid() const override { return core_.pid; }
  std::string executable() override;
  std::string program_file() const override { return executable_; }
  std::string host() const override;
  uint64_t wall_clock_ns() const override { return written_ns_; }
  MemoryReader& memory() override { return memory_; }
  Modules& modules() override { return modules_; }
  DebugSearch debug_search() const override;
  std::vector<Task> tasks() override;
  std::string thread_name(int pid, int tid) override;
  uint64_t asleep_ns(int) override { return 0; }
  std::optional<uint64_t> most_age_ns(int, int) override { return std::nullopt; }
  Capture capture(const Task& task) override;
  Capture capture_registers(const Task& task) override { return capture(task); }
  bool look_again(Task&) override { return true; }
  bool has_stayed(const Task&) override { return true; }
  CallContext context(int) override { return {ThreadFiles(), &memory_, "", {}}; }
  Kin kin(int namespace_tid) override;
  std::optional<SharedOwner> shared_owner(uintptr_t lock, int id) override;
  std::optional<OtherThread> other_thread(int, int) override { return std::nullopt; }
  bool has_stayed(const OtherThread&) override { return true; }
  std::string effect_on_process() const override;

 private:
  CoreProcess(std::unique_ptr<FileBytes> file, CoreFile core, uint64_t written_ns)
      : file_(std::move(file)), core_(std::move(core)), written_ns_(written_ns) {}
  int own_id(const CoreThread& thread);
  void put_program(const std::string& program);
  void add_left_out();

  std::unique_ptr<FileBytes> file_;
  CoreFile core_;
  uint64_t written_ns_;
  std::string executable_;  // the file, under the path of its mappings
  CoreMemory memory_{core_, *file_};
  Modules modules_{-1, memory_};
};

}  // namespace holdwatch
