// See thread_activity.h.
#include "symbolizer/thread_activity.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "shim/common/glibc/futex_wait.h"
#include "symbolizer/activity/activity.h"
#include "symbolizer/activity/page_fault.h"
#include "symbolizer/proc/monotonic_clock.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/unwind/eh_frame.h"
#include "symbolizer/waits/doing.h"
#include "symbolizer/waits/ender_by_code.h"
#include "symbolizer/waits/kernel_wait.h"
#include "symbolizer/waits/lock_reader.h"
#include "symbolizer/waits/own_file_lock.h"
#include "symbolizer/waits/shared_owner.h"
#include "symbolizer/waits/thread_snapshot.h"
#include "symbolizer/waits/wait_chain.h"
#include "symbolizer/waits/wait_elsewhere.h"

namespace holdwatch {
namespace {

constexpr uint32_t kFaultFrames = 3;

std::string name_of_thread(int pid, int tid) {
  return read_name((pid == 0 ? ThreadFiles::of_ours(tid) : ThreadFiles::of(pid, tid)).path("comm"));
}

std::optional<SharedOwner> owner_of_shared(uintptr_t lock, int id) {
  auto owner = find_shared_owner(getpid(), lock, id);
  if (owner && owner->pid == getpid()) owner->pid = 0;
  return owner;
}

bool is_ours(const Ender& ender) {
  return ender.pid == 0 || ender.pid == getpid();
}

int existing_thread(int tid) {
  return ThreadFiles::of_ours(tid).text("comm").empty() ? 0 : tid;
}

}  // namespace

ThreadActivity::ThreadActivity(Modules& modules, MemoryReader& memory, Unwinder& unwinder, const ResolveFrames& resolve,
                               decltype(WaitingProcess::variable_name) variable_name,
                               std::function<void()> look_at_modules, MaySignal may_signal, const HostCalls& host)
    : modules_(modules),
      memory_(memory),
      unwinder_(unwinder),
      look_at_modules_(std::move(look_at_modules)),
      may_signal_(std::move(may_signal)),
      process_{modules,
               memory,
               existing_thread,
               name_of_thread,
               [] { return true; },
               [this](const WaitingProcess::VisitStack& visit) { visit_stacks(visit); },
               std::move(variable_name),
               host.learnt_ends,
               host.repeated_wait,
               owner_of_shared},
      waits_(process_, resolve),
      code_ahead_(modules, memory, resolve) {}

std::string ThreadActivity::describe(const Snapshot& snapshot, uint32_t waits_for, bool by_registers, Wait& wait) {
  const std::string lock = waits_for == 0 ? "" : "L" + std::to_string(waits_for);
  wait = Wait{};
  if (by_registers) return describe_activity(snapshot, lock, CallContext{});
  const auto site = [&] { return fault_site(snapshot); };
  const CallContext context{ThreadFiles::of_ours(snapshot.tid), &memory_, "", site};
  wait = read_wait(snapshot, context);
  add_enders_by_code(snapshot, wait);
  add_holder_of_own_file_lock(snapshot.tid, wait);
  return describe_doing(snapshot, wait, lock, context);
}

// What was seen of a thread on the proven way is used again on the likely one.
WaitChain ThreadActivity::follow(int tid, const Wait& wait) {
  std::vector<LookedAt> looked_at;
  std::map<int, std::optional<SeenInChain>> seen;
  const auto look = [&](const Ender& thread) -> std::optional<SeenInChain> {
    const auto known = seen.find(thread.tid);
    if (known != seen.end()) return known->second;
    return seen[thread.tid] =
               is_ours(thread) ? look_at_waiting(thread.tid, looked_at) : look_at_other_process(thread, looked_at);
  };
  const auto have_stayed = [&] {
    return std::all_of(looked_at.begin(), looked_at.end(),
                       [](const LookedAt& thread) { return has_stayed(thread.snapshot, thread.files); });
  };
  const WaitChain circle = follow_likely_circle(tid, wait, look, have_stayed);
  return circle.count > 0 ? circle : follow_wait(wait, look, have_stayed);
}

std::optional<SeenInChain> ThreadActivity::look_at_waiting(int tid, std::vector<LookedAt>& looked_at) {
  const ThreadFiles files = ThreadFiles::of_ours(tid);
  const auto thread = look_at_thread(files);
  if (!thread) return std::nullopt;
  looked_at.push_back({files, thread->snapshot});
  const CallContext context{files, &memory_, "", {}};
  Wait own = read_wait(thread->snapshot, context);
  add_holder_of_own_file_lock(tid, own);
  return SeenInChain{name_of_thread(0, tid), own, describe_doing(thread->snapshot, own, "", context)};
}

// Only of what it waits for is anything known.
std::optional<SeenInChain> ThreadActivity::look_at_other_process(const Ender& other, std::vector<LookedAt>& looked_at) {
  const ThreadFiles files = ThreadFiles::of(other.pid, other.tid);
  const auto thread = look_at_thread(files);
  if (!thread) return std::nullopt;
  looked_at.push_back({files, thread->snapshot});
  const uintptr_t mutex = shared_word_slept_on(getpid(), other.pid, thread->snapshot);
  const Wait wait = mutex != 0 ? wait_for_shared_mutex(mutex) : kernel_wait_of(other.pid, other.tid, thread->snapshot);
  return SeenInChain{name_of_thread(other.pid, other.tid), wait, ""};
}

Wait ThreadActivity::wait_for_shared_mutex(uintptr_t mutex) {
  const auto fields = read_lock_fields({mutex, LockKind::mutex}, memory_);
  if (!fields || !fields->process_shared || !fields->is_contended || fields->owner == 0) return Wait{};
  const auto owner = owner_of_shared(mutex, fields->owner);
  if (!owner || owner->proof != OwnerProof::proven) return Wait{};
  Wait wait = wait_of_kind(WaitKind::mutex);
  wait.object = mutex;
  wait.enders[wait.ender_count++] = {owner->pid, owner->tid, Evidence::stated, {}};
  return wait;
}

void ThreadActivity::add_holder_of_own_file_lock(int waiter, Wait& wait) {
  constexpr size_t kMaxThreads = 64;
  if (!is_for_own_file_lock(wait)) return;
  std::vector<int> others = threads_of_program(getpid());
  std::erase(others, waiter);
  if (others.size() > kMaxThreads) return;
  std::vector<LookedAt> looked_at;
  const auto wait_of = [&](int tid) -> std::optional<Wait> {
    const ThreadFiles files = ThreadFiles::of_ours(tid);
    const auto thread = look_at_thread(files);
    if (!thread) return std::nullopt;
    looked_at.push_back({files, thread->snapshot});
    return read_wait(thread->snapshot, {files, &memory_, "", {}});
  };
  const int holder = likely_holder_of_own_file_lock(waiter, others, wait_of);
  const bool have_stayed = std::all_of(looked_at.begin(), looked_at.end(), [](const LookedAt& thread) {
    return has_stayed(thread.snapshot, thread.files);
  });
  if (holder != 0 && have_stayed) add_likely_holder(wait, holder, name_of_thread(0, holder));
}

std::optional<LockRef> ThreadActivity::lock_awaited_by(const Snapshot& thread) {
  if (!futex_wait(thread.call)) return std::nullopt;
  const Wait wait = read_wait(thread, CallContext{ThreadFiles::of_ours(thread.tid), &memory_, "", {}});
  if (!wait.known || (wait.kind != WaitKind::mutex && wait.kind != WaitKind::rwlock)) return std::nullopt;
  return LockRef{wait.object, wait.kind == WaitKind::mutex ? LockKind::mutex : LockKind::rwlock};
}

Wait ThreadActivity::read_wait(const Snapshot& snapshot, const CallContext& context) {
  std::unique_ptr<RawStack> stack;
  const auto unwound = [&]() -> const RawStack& {
    look_at_modules_();
    stack = std::make_unique<RawStack>();
    unwinder_.unwind(snapshot, *stack);
    return *stack;
  };
  return waits_.read(snapshot, unwound, context);
}

void ThreadActivity::visit_stacks(const WaitingProcess::VisitStack& visit) {
  constexpr size_t kMaxThreads = 256;
  const std::vector<int> threads = thread_ids(getpid());
  if (threads.size() > kMaxThreads) return;
  look_at_modules_();
  const auto stack = std::make_unique<RawStack>();
  for (const int tid : threads) {
    const auto thread = look_at_thread(ThreadFiles::of_ours(tid));
    if (!thread || (thread->snapshot.registers.known & Registers::kSpIsKnown) == 0) continue;
    unwinder_.unwind(thread->snapshot, *stack);
    if (has_stayed(thread->snapshot)) visit(thread->snapshot, *stack);
  }
}

// Of a wait that nobody is known to end.
void ThreadActivity::add_enders_by_code(const Snapshot& waiter, Wait& wait) {
  if (!may_be_ended_by_code(wait)) return;
  find_enders_by_code(waiter.tid, wait.object);
  const std::vector<Snapshot>& found = enders_by_code_.threads;
  if (found.size() != 1 || !has_stayed(found.front())) return;
  add_ender_by_code(wait, found.front().tid, name_of_thread(0, found.front().tid));
}

void ThreadActivity::find_enders_by_code(int waiter, uintptr_t object) {
  constexpr size_t kMaxThreads = 256;
  constexpr uint64_t kFreshNs = 1'000'000'000;
  EndersByCode& known = enders_by_code_;
  const uint64_t now_ns = monotonic_now_ns();
  if (known.waiter == waiter && known.object == object && now_ns - known.found_ns < kFreshNs) return;
  known = {waiter, object, now_ns, {}};
  const std::vector<int> all = thread_ids(getpid());
  if (all.size() > kMaxThreads) return;
  for (const int tid : all) {
    const auto thread = look_at_thread(ThreadFiles::of_ours(tid));
    const auto futex = thread && tid != waiter ? futex_wait(thread->snapshot.call) : std::nullopt;
    if (!futex || futex->has_timeout) continue;
    const LockRef awaited{futex->word, LockKind::mutex};
    const auto fields = read_lock_fields(awaited, memory_);
    if (fields && fields->owner == waiter && goes_on_to_end(thread->snapshot, awaited, object))
      known.threads.push_back(thread->snapshot);
  }
}

// Without a decoder the code is read from top to bottom.
bool ThreadActivity::goes_on_to_end(const Snapshot& thread, const LockRef& awaited, uintptr_t object) {
  if (const auto may_signal = may_signal_(thread, awaited, object)) return *may_signal && has_stayed(thread);
  look_at_modules_();
  const auto stack = std::make_unique<RawStack>();
  unwinder_.unwind(thread, *stack);
  return code_ahead_.ends_wait_for(object, *stack) && has_stayed(thread);
}

// Locating a page fault takes the innermost frames, so here the stack is unwound before the call is described: such a
// thread stays blocked for a while, and if it has run, the check afterwards detects it.
FaultSite ThreadActivity::fault_site(const Snapshot& snapshot) {
  FaultSite site;
  look_at_modules_();
  auto stack = std::make_unique<RawStack>();
  unwinder_.unwind(snapshot, *stack);
  for (uint32_t i = 0; i < std::min(stack->count, kFaultFrames); ++i) {
    const RawFrame& frame = stack->frames[i];
    const uintptr_t pc = inside(frame);
    const Module* module = modules_.find(pc);
    const auto procedure = module == nullptr ? std::nullopt : find_procedure(*module, memory_, pc);
    if (!procedure) break;
    site.frames.push_back({frame.pc, frame.pc_is_exact, frame.cfa, procedure->start, procedure->end});
  }
  site.mapped_at = [this](uintptr_t address) {
    const Mapping* mapping = modules_.mapping(address);
    return mapping == nullptr ? FileMapping{} : FileMapping{true, mapping->path};
  };
  return site;
}

}  // namespace holdwatch
