// See safe_thread.h.
#include "symbolizer/tools/attach/safe_thread.h"

#include <sys/syscall.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/process_state.h"
#include "symbolizer/unwind/unwinder.h"
#include "symbolizer/unwind/user_registers.h"

namespace holdwatch::attach {
namespace {

std::optional<SyscallFile> blocked_call(int pid, int tid) {
  const SyscallFile file = parse_syscall(read_text(thread_file(pid, tid, "syscall")));
  return file.kind == SyscallFile::Kind::in_call ? std::optional(file) : std::nullopt;
}

unsigned seccomp_filters(int pid, int tid) {
  return count_seccomp_filters(read_text(thread_file(pid, tid, "status")));
}

// How suitable a thread in this call is, 0: not at all. Best are the calls that the kernel restarts by itself.
int fitness(long number) {
  switch (number) {
    case SYS_futex:
    case SYS_restart_syscall:  // one of those below, or a futex wait with a timeout, that was stopped before
      return 3;
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_wait4:
    case SYS_pause:
    case SYS_rt_sigsuspend:
      return 4;
    case SYS_read:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_accept:
    case SYS_accept4:
      return 2;
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_rt_sigtimedwait:
    case SYS_semop:
    case SYS_semtimedop:
      return 1;
    default:
      return 0;
  }
}

// Determines from a stack whether the thread is working in the loader, the allocator, or another part of libc that is
// not reentrant.
class Sensitive {
 public:
  explicit Sensitive(AttachTarget& target) : target_(target), unwinder_(target.modules(), target.memory()) {
    find_places();
  }

  void begin() { unwinder_.begin_report(); }

  // Empty if the thread is elsewhere; otherwise where it is, as a phrase. `only_surely`: a stack that cannot be unwound
  // to its end is considered harmless.
  std::string where(const Snapshot& snapshot, bool only_surely);

 private:
  struct Place {
    uintptr_t start, end;
    const char* what;
    bool is_whole_module;
  };

  void find_places();
  const Place* place_of(uintptr_t pc) const;
  bool is_own_thread_of(const Place& place) const;

  AttachTarget& target_;
  Unwinder unwinder_;
  std::vector<Place> places_;
  RawStack stack_{};
};

constexpr const char* kAllocator[] = {"malloc",        "calloc",         "realloc", "free",       "memalign",
                                      "aligned_alloc", "posix_memalign", "valloc",  "malloc_trim"};
constexpr const char* kLoader[] = {"dlopen", "dlmopen", "dlclose", "dlsym", "dlvsym", "dl_iterate_phdr", "dladdr"};
// libc changes the ids of all threads, one after the other, and keeps any from being started meanwhile.
constexpr const char* kIds[] = {"setuid",   "setgid",    "seteuid",   "setegid",  "setreuid",
                                "setregid", "setresuid", "setresgid", "setgroups"};
constexpr const char* kUnfit[] = {"fork", "pthread_create", "exit", "pthread_exit"};

void Sensitive::find_places() {
  const Module* libc = target_.libc();
  for (const auto& module : target_.modules().all()) {
    if (module->path.find("/ld-linux") != std::string::npos)
      places_.push_back({module->start, module->end, "inside the loader", false});
    // Functions of another allocator call one another without going through malloc.
    const bool is_allocator = module.get() != libc && module->path.find(".so") != std::string::npos &&
                              target_.symbol(*module, "malloc") && target_.symbol(*module, "free");
    if (is_allocator) places_.push_back({module->start, module->end, "inside the memory allocator", true});
    const auto add = [&](const auto& names, const char* what) {
      for (const char* name : names)
        if (const auto found = target_.symbol(*module, name))
          places_.push_back({found->address, found->address + found->size, what, false});
    };
    add(kAllocator, "inside the memory allocator");
    if (module.get() != libc) continue;
    add(kLoader, "inside the loader");
    add(kIds, "inside setuid, setgid or the like");
    add(kUnfit, "starting or ending a thread or process");
  }
}

const Sensitive::Place* Sensitive::place_of(uintptr_t pc) const {
  for (const Place& place : places_)
    if (pc >= place.start && pc < place.end && !(place.is_whole_module && is_own_thread_of(place))) return &place;
  return nullptr;
}

// Whether this is a background thread of an allocator, which libc started there, rather than a thread that called into
// it.
bool Sensitive::is_own_thread_of(const Place& place) const {
  constexpr size_t kThreadStartFrames = 2;
  if (!stack_.complete || stack_.count <= kThreadStartFrames) return false;
  const uintptr_t first = stack_.frames[stack_.count - kThreadStartFrames - 1].pc;
  return first >= place.start && first < place.end;
}

std::string Sensitive::where(const Snapshot& snapshot, bool only_surely) {
  stack_.count = 0;
  stack_.complete = false;
  unwinder_.unwind(snapshot, stack_);
  for (size_t i = 0; i < stack_.count; ++i) {
    const uintptr_t pc = stack_.frames[i].pc - (stack_.frames[i].pc_is_exact ? 0 : 1);
    if (const Place* place = place_of(pc)) return place->what;
  }
  if (stack_.complete || only_surely) return "";
  return "at a place where its stack cannot be unwound";
}

Snapshot snapshot_of(int tid, uintptr_t pc, uintptr_t sp) {
  Snapshot snapshot{};
  snapshot.tid = tid;
  snapshot.state = ThreadState::blocked;
  snapshot.registers.ip = pc;
  snapshot.registers.sp = sp;
  snapshot.registers.known = Registers::kIpIsKnown | Registers::kSpIsKnown;
  snapshot.registers.ip_is_exact = true;
  return snapshot;
}

Snapshot snapshot_of(int tid, const user_regs_struct& from) {
  Snapshot snapshot = snapshot_of(tid, from.rip, from.rsp);
  snapshot.registers = registers_from(from);
  return snapshot;
}

// Whether the kernel continues the call, after an interruption, with another one: restart_syscall(2). A filter may
// forbid that one.
bool is_restarted_by_another(const SyscallFile& file) {
  switch (file.call.number) {
    case SYS_restart_syscall:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_poll:
      return true;
    case SYS_futex:
      return file.call.arguments[3] != 0;  // a futex call's timeout
    default:
      return false;
  }
}

class SafeThreadSearch {
 public:
  SafeThreadSearch(AttachTarget& target, const LibcCode& code) : target_(target), code_(code), sensitive_(target) {}

  // Null if there is none now; `obstacle` then returns the reason.
  std::unique_ptr<RemoteCall> look();
  const std::string& obstacle() const { return obstacle_; }

 private:
  struct Candidate {
    int fitness;
    int tid;
    unsigned filters;
  };

  // A thread that is blocked while working in the loader or the allocator would block every thread that enters it.
  bool is_blocked_at_work(int tid, const SyscallFile& file);
  static void leave_out_sandboxed(std::vector<Candidate>& candidates);
  std::unique_ptr<RemoteCall> take(int tid);

  AttachTarget& target_;
  const LibcCode& code_;
  Sensitive sensitive_;
  size_t looks_ = 0;
  std::string obstacle_ = "its threads are running, or blocked in calls that cannot be interrupted safely";
};

bool SafeThreadSearch::is_blocked_at_work(int tid, const SyscallFile& file) {
  const std::string where = sensitive_.where(snapshot_of(tid, file.pc, file.sp), true);
  if (where.empty() || where.starts_with("starting")) return false;
  obstacle_ = "thread " + std::to_string(tid) + " is blocked " + where;
  return true;
}

// Between the check and this call, a thread may end, or be traced by another process.
std::unique_ptr<RemoteCall> SafeThreadSearch::take(int tid) try {
  auto thread = std::make_unique<RemoteCall>(target_, code_, tid);
  if (!thread->was_in_restartable_call()) return nullptr;
  std::string where = sensitive_.where(snapshot_of(tid, thread->registers()), false);
  if (where.empty()) where = thread->prepare();
  if (where.empty()) return thread;
  obstacle_ = "thread " + std::to_string(tid) + " is " + where;
  return nullptr;
} catch (const Refusal& refusal) {
  obstacle_ = refusal.what();
  return nullptr;
}

// A thread may have installed a filter for itself alone; our threads do not inherit it if one of the others creates
// them.
void SafeThreadSearch::leave_out_sandboxed(std::vector<Candidate>& candidates) {
  const auto least = std::min_element(candidates.begin(), candidates.end(),
                                      [](const Candidate& a, const Candidate& b) { return a.filters < b.filters; });
  if (least == candidates.end()) return;
  const unsigned fewest = least->filters;
  std::erase_if(candidates, [=](const Candidate& candidate) { return candidate.filters > fewest; });
}

std::unique_ptr<RemoteCall> SafeThreadSearch::look() {
  target_.refresh();
  sensitive_.begin();
  std::vector<Candidate> candidates;
  for (const int tid : thread_ids(target_.pid())) {
    if (read_text(thread_file(target_.pid(), tid, "comm")).starts_with("holdwatch")) continue;
    const auto file = blocked_call(target_.pid(), tid);
    if (!file) continue;
    if (is_blocked_at_work(tid, *file)) return nullptr;
    const unsigned filters = seccomp_filters(target_.pid(), tid);
    if (filters > 0 && is_restarted_by_another(*file))
      obstacle_ = "thread " + std::to_string(tid) + " has a seccomp filter, and might not survive being stopped";
    else if (fitness(file->call.number) > 0)
      candidates.push_back({fitness(file->call.number), tid, filters});
  }
  leave_out_sandboxed(candidates);
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.fitness > b.fitness; });
  // Each look tries other candidates, in case the best ones are not available.
  constexpr size_t kMaxPaused = 8;
  if (candidates.size() > kMaxPaused) {
    const size_t first = looks_++ * kMaxPaused % candidates.size();
    std::rotate(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(first), candidates.end());
    candidates.resize(kMaxPaused);
  }
  for (const Candidate& candidate : candidates)
    if (auto thread = take(candidate.tid)) return thread;
  return nullptr;
}

}  // namespace

std::unique_ptr<RemoteCall> take_safe_thread(AttachTarget& target, const LibcCode& code,
                                             std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  SafeThreadSearch search(target, code);
  while (true) {
    if (auto thread = search.look()) return thread;
    if (has_ended(target.pid())) throw Refusal(describe_process(target.pid()) + " has exited");
    if (std::chrono::steady_clock::now() > until)
      throw Refusal("nothing was changed: " + search.obstacle() +
                    "; try again later, or start the program with holdwatch run");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace holdwatch::attach
