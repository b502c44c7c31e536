// See thread_looks.h.
#include "symbolizer/tools/top/thread_looks.h"

#include <algorithm>

#include "symbolizer/activity/activity.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/inspect/read_task.h"
#include "symbolizer/tools/inspect/stack_copy.h"
#include "symbolizer/waits/doing.h"

namespace holdwatch::top {
namespace {

std::unique_ptr<LiveProcess> open_process(int pid) {
  std::string why;
  std::unique_ptr<LiveProcess> process = LiveProcess::open(pid, why);
  if (process == nullptr) throw attach::Refusal(why);
  return process;
}

bool is_same_look(const Snapshot& a, const Snapshot& b) {
  return a.state == b.state && a.switches == b.switches && a.registers.sp == b.registers.sp &&
         a.registers.ip == b.registers.ip && a.call.number == b.call.number;
}

}  // namespace

ThreadLooks::ThreadLooks(int pid)
    : pid_(pid),
      process_(open_process(pid)),
      threads_(pid),
      unwinder_(process_->modules(), process_->memory()),
      symbols_(Symbolize::full, process_->debug_search()),
      resolve_([this](uintptr_t pc, bool exact) { return resolve(pc, exact); }),
      waiting_process_(waiting_process()),
      waits_(waiting_process_, resolve_) {}

WaitingProcess ThreadLooks::waiting_process() {
  WaitingProcess out{process_->modules(), process_->memory(),
                     [this](int namespace_tid) { return threads_.id_here(namespace_tid); },
                     [this](int pid, int tid) { return process_->thread_name(pid, tid); },
                     [this] { return threads_.is_in_our_namespace(); }};
  out.variable_name = [this](uintptr_t address) { return variable(address); };
  return out;
}

void ThreadLooks::begin() {
  std::erase_if(remembered_, [this](const auto& one) { return one.second.asked_at != number_; });
  ++number_;
}

// Before anything is named: modules may have been loaded and unloaded since.
void ThreadLooks::see_modules() {
  if (modules_seen_at_ == number_) return;
  modules_seen_at_ = number_;
  process_->modules().refresh();
  symbols_.begin_report();
  unwinder_.begin_report();
  if (process_->modules().generation() == generation_) return;
  generation_ = process_->modules().generation();
  process_->memory().forget();
}

const ThreadLook* ThreadLooks::look(const ListedUse& use, int namespace_tid, Stack stack) {
  Remembered& remembered = remembered_[use];
  const bool is_of_this_list = remembered.asked_at == number_;
  remembered.asked_at = number_;
  if (is_of_this_list && (stack == Stack::needless || remembered.look.stack != nullptr || remembered.tid == 0))
    return remembered.tid == 0 ? nullptr : &remembered.look;
  const int tid = threads_.id_here(namespace_tid);
  Task task;
  if (tid == 0 || !read_task(pid_, tid, task) || task.snapshot.state == ThreadState::gone) {
    remembered.tid = 0;
    return nullptr;
  }
  const bool has_all = stack == Stack::needless || remembered.look.stack != nullptr;
  if (remembered.tid == tid && has_all && task.snapshot.state != ThreadState::running &&
      is_same_look(remembered.look.snapshot, task.snapshot))
    return &remembered.look;
  remembered.tid = tid;
  look_anew(remembered, task, stack);
  return &remembered.look;
}

const RawStack& ThreadLooks::unwind(const Task& task, ThreadLook& look) {
  if (look.stack != nullptr) return *look.stack;
  see_modules();
  Capture capture;
  capture.snapshot = task.snapshot;
  copy_stack(process_->memory(), process_->modules(), capture);
  look.stack = std::make_unique<RawStack>();
  unwinder_.unwind(capture.snapshot, *look.stack);
  return *look.stack;
}

// What was read belongs to the call only if the thread has not run meanwhile: otherwise only the call itself is known.
void ThreadLooks::look_anew(Remembered& remembered, const Task& task, Stack stack) {
  ThreadLook& look = remembered.look = {};
  look.snapshot = task.snapshot;
  look.name = process_->thread_name(0, task.tid);
  if (task.snapshot.state != ThreadState::blocked) {
    look.doing = describe_activity(task.snapshot, "", {});
    return;
  }
  const CallContext context = process_->context(task.tid);
  if (stack == Stack::needed && task.snapshot.registers.known != 0) unwind(task, look);
  look.wait = waits_.read(
      task.snapshot, [&]() -> const RawStack& { return unwind(task, look); }, context);
  look.doing = describe_doing(task.snapshot, look.wait, "", context);
  if (process_->has_stayed(task)) return;
  look.stack.reset();
  look.wait = {};
  look.doing = describe_activity(task.snapshot, "", {});
}

std::vector<Frame> ThreadLooks::resolve(uintptr_t pc, bool exact) {
  see_modules();
  return symbols_.resolve(pc, exact, process_->modules().find(exact ? pc : pc - 1));
}

uintptr_t ThreadLooks::function_start(uintptr_t pc) {
  see_modules();
  return unwinder_.function_start(pc);
}

std::string ThreadLooks::variable(uintptr_t address) {
  see_modules();
  return symbols_.variable(address, process_->modules().find(address));
}

}  // namespace holdwatch::top
