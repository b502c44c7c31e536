// See ancestry.h.
#include "symbolizer/tools/inspect/ancestry.h"

#include <optional>
#include <string>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/inspect/read_task.h"

namespace holdwatch {
namespace {

// 0 if there is none that can be inspected.
int parent_of(int pid) {
  const auto parent = status_number(read_text(process_file(pid, "status")), "PPid").value_or(0);
  return parent <= 1 ? 0 : static_cast<int>(parent);
}

std::optional<Task> thread_of_parent(int parent, int namespace_tid) {
  Task task;
  for (const int tid : parent == 0 ? std::vector<int>{} : thread_ids(parent)) {
    if (read_task(parent, tid, task) && task.namespace_tid == namespace_tid) return task;
  }
  return std::nullopt;
}

// After a fork, the copy of the forking thread continues on the copy of that thread's stack. The stack of a main thread
// grows, so it is compared by name.
bool share_a_stack(const Task& main, const Task& owner, int parent, const Modules& modules) {
  const Registers &here = main.snapshot.registers, &there = owner.snapshot.registers;
  if ((here.known & there.known & Registers::kSpIsKnown) == 0) return true;  // one of them is running: it is possible
  const Mapping* stack = modules.mapping(here.sp);
  if (stack == nullptr) return true;
  if (owner.tid == parent) return stack->path == "[stack]";
  return there.sp >= stack->start && there.sp < stack->end;
}

}  // namespace

Kin kin_by_ancestry(int pid, int namespace_tid, const Modules& modules) {
  const int parent = parent_of(pid);
  const auto owner = thread_of_parent(parent, namespace_tid);
  Task main;
  const bool has_main = read_task(pid, pid, main) && main.snapshot.state != ThreadState::gone;
  if (owner) return has_main && share_a_stack(main, *owner, parent, modules) ? Kin::main_before_fork : Kin::of_parent;
  return has_main && namespace_tid < main.namespace_tid ? Kin::older : Kin::none;
}

}  // namespace holdwatch
