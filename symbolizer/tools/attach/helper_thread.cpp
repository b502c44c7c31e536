// See helper_thread.h.
#include "symbolizer/tools/attach/helper_thread.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/attach/resource_limits.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch::attach {
namespace {

constexpr const char *kStart = "pthread_create", *kRun = "sleep";
// As long as this command may take to find it, and as short as its presence after a killed command should be.
constexpr std::chrono::seconds kSleep{5};
// The same as the library's own thread gets, which then reuses it (shim/attach/attachment.cpp).
constexpr size_t kStackSize = 256 * 1024;
// What pthread_create may take of the stack of the thread that calls it, with an allocator's first use in that thread.
constexpr size_t kCallRoom = 32 * 1024;

// The layout is part of libc's ABI, and has no pointers here: that of our libc is right for the process's.
pthread_attr_t helper_attributes() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackSize);
  return attributes;
}

bool is_asleep_on(const SyscallFile& file, uintptr_t stack_end) {
  return file.kind == SyscallFile::Kind::in_call &&
         (file.call.number == SYS_clock_nanosleep || file.call.number == SYS_nanosleep) && file.sp < stack_end &&
         stack_end - file.sp < kStackSize;
}

// libc's data of a thread is at the upper end of its stack, and pthread_t is its address.
int find_asleep(int pid, uintptr_t helper) {
  for (const int tid : thread_ids(pid))
    if (is_asleep_on(parse_syscall(read_text(thread_file(pid, tid, "syscall"))), helper)) return tid;
  return 0;
}

int await_asleep(int pid, uintptr_t helper) {
  const auto until = std::chrono::steady_clock::now() + kSleep;
  while (std::chrono::steady_clock::now() < until) {
    if (const int tid = find_asleep(pid, helper); tid != 0) return tid;
    if (has_ended(pid)) break;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  throw Refusal("nothing was changed: the thread that was started in " + describe_process(pid) +
                " does not get to run; try again later");
}

}  // namespace

bool may_have_helper(AttachTarget& target) {
  const std::vector<int> tids = thread_ids(target.pid());
  const auto count = std::count_if(tids.begin(), tids.end(), [&](int tid) {
    return !read_text(thread_file(target.pid(), tid, "comm")).starts_with("holdwatch");
  });
  return count > 1 && !target.symbol("__tsan_init");
}

void look_up_helper_functions(AttachTarget& target) {
  for (const char* name : {kStart, kRun}) target.libc_function(name);
}

uintptr_t start_helper(AttachTarget& target, RemoteCall& thread) {
  if (!thread.has_room(kCallRoom)) thread.use_remote_stack();
  const pthread_attr_t attributes = helper_attributes();
  const uintptr_t attributes_at = thread.push(&attributes, sizeof attributes);
  const pthread_t none = 0;
  const uintptr_t helper_at = thread.push(&none, sizeof none);
  const uint64_t error = thread.call(
      kStart, {helper_at, attributes_at, target.libc_function(kRun), static_cast<uint64_t>(kSleep.count())});
  if (error != 0) refuse_without_thread(target.pid(), static_cast<int>(error), "nothing was changed");
  const auto helper = target.memory().read_value<uintptr_t>(helper_at);
  if (!helper) throw Refusal(describe_process(target.pid()) + " has exited");
  return *helper;
}

std::unique_ptr<RemoteCall> take_helper(AttachTarget& target, const LibcCode& code, uintptr_t helper) {
  const int tid = await_asleep(target.pid(), helper);
  target.refresh();
  auto thread = std::make_unique<RemoteCall>(target, code, tid);
  thread->end_its_call(0);
  if (thread->registers().fs_base != helper || !thread->prepare().empty())
    throw Refusal("nothing was changed: thread " + std::to_string(tid) + " of " + describe_process(target.pid()) +
                  " is not the one that was started; try again");
  thread->use_remote_stack();
  thread->call("prctl", {PR_SET_NAME, thread->push_text("holdwatch-load")});
  return thread;
}

void refuse_without_thread(int pid, int error, const char* consequence) {
  throw Refusal(describe_process(pid) + " cannot start a thread for holdwatch: " + strerror(error) +
                (error == EAGAIN ? kMoreThreads : "") + reached_limits(pid) + "; " + consequence);
}

}  // namespace holdwatch::attach
