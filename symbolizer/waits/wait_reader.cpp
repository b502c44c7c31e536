// See wait_reader.h.
#include "symbolizer/waits/wait_reader.h"

#include <sys/syscall.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "symbolizer/activity/page_fault.h"
#include "symbolizer/activity/present_memory.h"
#include "symbolizer/activity/restarted.h"
#include "symbolizer/waits/initializer_search.h"
#include "symbolizer/waits/inside_malloc.h"
#include "symbolizer/waits/kernel_wait.h"
#include "symbolizer/waits/learnt_enders.h"
#include "symbolizer/waits/libc_wait.h"

namespace holdwatch {

namespace {

void name_ender(const WaitingProcess& process, Ender& ender) {
  const std::string name = process.thread_name(ender.pid, ender.tid);
  name.copy(ender.thread, kThreadNameSize - 1);
}

// Whether what is waited for may be a variable of the program's.
bool has_variable(WaitKind kind) {
  switch (kind) {
    case WaitKind::mutex:
    case WaitKind::rwlock:
    case WaitKind::condition:
    case WaitKind::semaphore:
    case WaitKind::barrier:
    case WaitKind::once:
    case WaitKind::local_static:
    case WaitKind::atomic:
    case WaitKind::futex:
      return true;
    case WaitKind::join:
    case WaitKind::stream:
    case WaitKind::loader:
    case WaitKind::libc:
    case WaitKind::file_lock:
    case WaitKind::page_fault:
    case WaitKind::pipe:
    case WaitKind::socket:
    case WaitKind::child:
    case WaitKind::sleep:
    case WaitKind::poll:
    case WaitKind::other:
      break;
  }
  return false;
}

void name_object(const WaitingProcess& process, Wait& wait) {
  constexpr std::string_view kGuard = "guard variable for ";
  if (wait.object == 0 || wait.name[0] != '\0' || !process.variable_name) return;
  std::string name = process.variable_name(wait.object);
  if (name.starts_with(kGuard)) name.erase(0, kGuard.size());
  const size_t length = name.copy(wait.name, kWaitNameSize - 1);
  if (length < name.size()) std::string_view("...").copy(wait.name + length - 3, 3);
}

void name_enders(const WaitingProcess& process, Wait& wait) {
  for (uint32_t i = 0; i < wait.ender_count; ++i) name_ender(process, wait.enders[i]);
  if (wait.last.tid > 0) name_ender(process, wait.last);
  wait.last.tid = std::abs(wait.last.tid);  // negative: it has exited, and another one may have its id now
}

}  // namespace

BlockingFunction WaitReader::function_in(const RawStack& stack) {
  return blocking_function(innermost_functions(stack, process_.modules, process_.memory, code_, resolve_));
}

Wait WaitReader::read(const Snapshot& snapshot, BlockingFunction function, const CallContext& context) {
  return read_with(
      snapshot, [function] { return function; }, context);
}

Wait WaitReader::read(const Snapshot& snapshot, const std::function<const RawStack&()>& unwind,
                      const CallContext& context) {
  return read_with(
      snapshot, [&] { return function_in(unwind()); }, context);
}

Wait WaitReader::read_with(const Snapshot& snapshot, const FunctionOf& function, const CallContext& context) {
  if (snapshot.state != ThreadState::blocked && snapshot.state != ThreadState::unknown) return Wait{};
  if (snapshot.in_page_fault) return wait_of_kind(WaitKind::page_fault);
  if (!snapshot.call.known) return Wait{};
  if (context.memory == nullptr || !context.files.known()) return read_present(snapshot, function, context);
  const std::string wait_channel = context.files.text("wchan");
  // Inside the call the thread waits for a page, whatever the call is for.
  if (waits_for_userfaultfd(wait_channel)) return wait_of_kind(WaitKind::page_fault);
  PresentMemory memory(*context.memory, context.files);
  return read_present(snapshot, function, {context.files, &memory, wait_channel, {}});
}

Wait WaitReader::read_present(const Snapshot& snapshot, const FunctionOf& function, const CallContext& context) {
  const SystemCall call = resumed_call(snapshot.call, context.wait_channel);
  Wait wait =
      call.number == SYS_futex ? read_libc_wait(call, function(), process_, context) : read_kernel_wait(call, context);
  // The call names a child by the id that it has for the process.
  if (wait.kind == WaitKind::child && !process_.has_our_pids()) wait.ender_count = 0;
  if (wait.kind == WaitKind::libc && wait.ender_count == 0) add_thread_inside(wait);
  const bool is_for_initializer = wait.kind == WaitKind::once || wait.kind == WaitKind::local_static;
  if (is_for_initializer && wait.object != 0) add_initializing_thread(wait);
  add_learnt_enders(wait, call, snapshot, process_, sleeps_on);
  add_repetition(wait, snapshot.tid, process_);
  if (is_for_unknown_holder(wait) && wait.object != 0 && wait.gap == EnderGap::none) wait.gap = EnderGap::not_stated;
  if (wait.known && has_variable(wait.kind)) name_object(process_, wait);
  name_enders(process_, wait);
  return wait;
}

// Only if it is a single one.
void WaitReader::add_thread_inside(Wait& wait) {
  if (!process_.for_each_stack) return;
  int tid = 0, found = 0;
  process_.for_each_stack([&](const Snapshot& thread, const RawStack& stack) {
    if (!is_inside_malloc_with(wait.object, thread, stack, process_.modules, process_.memory, resolve_)) return;
    tid = thread.tid;
    ++found;
  });
  if (found == 1) wait.enders[wait.ender_count++] = {0, tid, Evidence::stack, {}};
}

void WaitReader::add_initializing_thread(Wait& wait) {
  if (!process_.for_each_stack) return;
  InitializerSearch search(wait, process_.modules, process_.memory, code_, resolve_);
  process_.for_each_stack([&](const Snapshot& thread, const RawStack& stack) { search.add(thread, stack); });
  if (const auto tid = search.thread()) wait.enders[wait.ender_count++] = {0, *tid, Evidence::stack, {}};
}

}  // namespace holdwatch
