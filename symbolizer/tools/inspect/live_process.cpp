// See live_process.h.
#include "symbolizer/tools/inspect/live_process.h"

#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/report/program_path.h"
#include "symbolizer/tools/inspect/access.h"
#include "symbolizer/tools/inspect/ancestry.h"
#include "symbolizer/tools/inspect/brief_stop.h"
#include "symbolizer/tools/inspect/other_thread.h"
#include "symbolizer/tools/inspect/read_task.h"
#include "symbolizer/tools/inspect/running_sample.h"
#include "symbolizer/tools/inspect/stack_copy.h"
#include "symbolizer/unwind/auxiliary.h"
#include "symbolizer/waits/shared_owner.h"

namespace holdwatch {
namespace {

constexpr useconds_t kBetweenLooksUs = 2000;
constexpr int kLooks = 5;  // at a thread that has moved on each time
// The thread has to get a processor before it is back in its call: on a busy machine that takes some time slices.
constexpr int kLooksAfterStop = 100;

bool same_call(const Snapshot& a, const Snapshot& b) {
  return a.registers.sp == b.registers.sp && a.registers.ip == b.registers.ip && a.call.known == b.call.known &&
         a.call.number == b.call.number &&
         std::equal(std::begin(a.call.arguments), std::end(a.call.arguments), std::begin(b.call.arguments));
}

}  // namespace

// The main thread may have called pthread_exit: then it has no memory any more, and another thread is used.
std::unique_ptr<LiveProcess> LiveProcess::open(int pid, std::string& why) {
  const std::optional<int> process = process_to_inspect(pid, why);
  if (!process) return nullptr;
  for (const int tid : thread_ids(*process)) {
    std::unique_ptr<LiveProcess> target(new LiveProcess(*process, tid));
    if (!target->modules_.refresh() || target->modules_.all().empty()) continue;
    why = why_not_supported(target->modules_);
    return why.empty() ? std::move(target) : nullptr;
  }
  why = why_not_readable(*process);
  return nullptr;
}

std::string LiveProcess::executable() {
  const std::string file = proc() + "/exe";
  char path[PATH_MAX];
  const ssize_t length = readlink(file.c_str(), path, sizeof path);
  if (length <= 0) return "/unknown";
  const std::string vector = read_text(proc() + "/auxv");
  return known_program_path({path, static_cast<size_t>(length)}, file, started_as(vector, memory_), proc() + "/root");
}

std::string LiveProcess::host() const {
  char name[HOST_NAME_MAX + 1] = "";
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

uint64_t LiveProcess::wall_clock_ns() const {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

DebugSearch LiveProcess::debug_search() const {
  DebugSearch search;
  search.proc = proc();
  search.root = search.proc + "/root";
  return search;
}

std::vector<Task> LiveProcess::tasks() {
  std::vector<Task> tasks;
  Task task;
  for (const int tid : thread_ids(pid_)) {
    if (read_task(pid_, tid, task) && task.snapshot.state != ThreadState::gone) tasks.push_back(task);
  }
  return tasks;
}

std::string LiveProcess::thread_name(int pid, int tid) {
  return read_name(thread_file(pid == 0 ? pid_ : pid, tid, "comm"));
}

// The kernel counts by a clock that does not stop while the machine sleeps.
std::optional<uint64_t> LiveProcess::most_age_ns(int pid, int tid) {
  const auto started_ns = parse_start_time(read_text(thread_file(pid, tid, "stat")));
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  const uint64_t now_ns = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  if (!started_ns || *started_ns > now_ns) return std::nullopt;
  return now_ns - *started_ns;
}

// It returns from the stop into its call a moment later; the rest of a sleep is another call (signal(7)).
bool LiveProcess::look_again(Task& task) {
  for (int look = 0; look < kLooksAfterStop; ++look) {
    Task now;
    if (!read_task(pid_, task.tid, now)) return false;
    Snapshot before = task.snapshot;
    if (now.snapshot.call.known && now.snapshot.call.number == SYS_restart_syscall) before.call = now.snapshot.call;
    // A look that began while the thread was still on its way back has an older count of switches than its call.
    if (now.snapshot.state == before.state && same_call(now.snapshot, before) && has_stayed_in(pid_, now)) {
      task = now;
      return true;
    }
    usleep(kBetweenLooksUs);
  }
  return false;
}

bool LiveProcess::has_stayed_in(int pid, const Task& task) {
  Task now;
  return read_task(pid, task.tid, now) && now.snapshot.state == task.snapshot.state &&
         now.snapshot.switches == task.snapshot.switches && same_call(now.snapshot, task.snapshot);
}

Capture LiveProcess::capture_blocked(const Task& task) {
  Capture capture;
  capture.snapshot = task.snapshot;
  if (task.snapshot.registers.known == 0) {
    std::snprintf(capture.snapshot.why_short, sizeof capture.snapshot.why_short,
                  "stack not captured: the thread was running when another program stopped it");
    return capture;
  }
  copy_stack(memory_, modules_, capture);
  return capture;
}

Capture LiveProcess::capture_registers(const Task& task) {
  Capture capture;
  capture.snapshot = task.snapshot;
  const uint64_t stopped_ns = capture_stopped(memory_, modules_, capture);
  if (stopped_ns != 0) ++stops_;
  longest_stop_ns_ = std::max(longest_stop_ns_, stopped_ns);
  return capture;
}

// Only a thread that has been running all the time is stopped: a blocking call that it was just entering would return
// early, with only a part of its bytes sent.
bool LiveProcess::capture_running(const Task& task, Capture& out) {
  out = Capture{};
  out.snapshot = task.snapshot;
  const Sampled sampled = sample_running(out);
  if (sampled == Sampled::yes) ++samples_;
  if (sampled != Sampled::not_allowed) return sampled == Sampled::yes;
  usleep(kBetweenLooksUs);
  if (!has_stayed(task)) return false;
  out = capture_registers(task);
  return true;
}

// If a thread blocks only for fractions of a millisecond, the copy may be from several moments: then it is captured
// again.
Capture LiveProcess::capture(const Task& task) {
  Task now = task;
  Capture capture;
  for (int look = 0; look < kLooks; ++look) {
    if (now.snapshot.state == ThreadState::running) {
      if (capture_running(now, capture)) return capture;
    } else {
      capture = capture_blocked(now);
      if (has_stayed(now)) return capture;
    }
    if (!read_task(pid_, task.tid, now) || now.snapshot.state == ThreadState::gone) break;
  }
  capture = Capture{};
  capture.snapshot.tid = task.tid;
  capture.snapshot.state = now.snapshot.state;
  std::snprintf(capture.snapshot.why_short, sizeof capture.snapshot.why_short,
                "stack not captured: the thread has exited, or its state changed during each attempt");
  return capture;
}

Kin LiveProcess::kin(int namespace_tid) {
  return kin_by_ancestry(pid_, namespace_tid, modules_);
}

// Many threads may wait for one lock.
std::optional<SharedOwner> LiveProcess::shared_owner(uintptr_t lock, int id) {
  const auto [found, is_new] = shared_owners_.try_emplace({lock, id});
  if (is_new) found->second = find_shared_owner(pid_, lock, id);
  return found->second;
}

std::optional<OtherThread> LiveProcess::other_thread(int pid, int tid) {
  auto other = look_at_other_thread(pid_, pid, tid);
  if (other) other->asleep_ns = sleep_.asleep_ns(pid, tid);
  return other;
}

std::string LiveProcess::effect_on_process() const {
  const std::string sampled = samples_ == 0 ? "" : ", " + std::to_string(samples_) + " sampled while running";
  const std::string most = std::to_string((longest_stop_ns_ + 999) / 1000) + " us";
  if (stops_ == 0) return "no thread was stopped" + sampled;
  if (stops_ == 1) return "one thread was stopped for at most " + most + sampled;
  return std::to_string(stops_) + " threads were stopped, one after the other, for at most " + most + sampled;
}

}  // namespace holdwatch
