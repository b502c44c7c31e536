// See observe.h.
//
// A waiter counts only if it has not run between the first and the last look: then it waited for that lock all the
// time, and the owner that was read in between held the lock at that moment. All threads of a cycle wait, so all of it
// was true at the same time, without stopping any thread.
#include "symbolizer/tools/inspect/observe.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "shim/common/glibc/futex_wait.h"
#include "symbolizer/activity/activity.h"
#include "symbolizer/guards/reader_candidates.h"
#include "symbolizer/lock_names.h"
#include "symbolizer/report/named_stack.h"
#include "symbolizer/symbols/timely_symbols.h"
#include "symbolizer/tools/inspect/holder_guards.h"
#include "symbolizer/tools/inspect/lock_wait.h"
#include "symbolizer/tools/inspect/lost_wakeup.h"
#include "symbolizer/unwind/unwinder.h"
#include "symbolizer/waits/doing.h"
#include "symbolizer/waits/ender_by_code.h"
#include "symbolizer/waits/file_locks.h"
#include "symbolizer/waits/glibc_version.h"
#include "symbolizer/waits/kernel_wait.h"
#include "symbolizer/waits/libc_wait.h"
#include "symbolizer/waits/lock_reader.h"
#include "symbolizer/waits/own_file_lock.h"
#include "symbolizer/waits/stream_name.h"
#include "symbolizer/waits/wait_reader.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxIdle = 1024;     // threads that may be in a condition wait
constexpr size_t kMaxSearched = 512;  // threads whose stacks are searched for the address of one rwlock
constexpr size_t kMaxOthers = 64;     // threads of other processes
constexpr unsigned kMaxAttempts = 3;  // at the names that a search of all threads needs

class Observer {
 public:
  explicit Observer(InspectTarget& target)
      : target_(target),
        unwinder_(target.modules(), target.memory()),
        symbols_(Symbolize::full, target.debug_search()),
        resolve_([this](uintptr_t pc, bool exact) {
          return timely_symbols_.resolve(pc, exact, target_.modules().find(exact ? pc : pc - 1));
        }),
        namer_(resolve_),
        process_{target.modules(),
                 target.memory(),
                 [this](int namespace_tid) { return tid_of(namespace_tid); },
                 [this](int pid, int tid) { return target_.thread_name(pid, tid); },
                 [this] { return is_in_our_pid_namespace(); },
                 [this](const WaitingProcess::VisitStack& visit) { visit_stacks(visit); },
                 [this](uintptr_t address) { return symbols_.variable(address, target_.modules().find(address)); },
                 {},
                 {},
                 [this](uintptr_t lock, int id) { return owner_of_shared(lock, id); }},
        waits_(process_, resolve_),
        guards_(target, unwinder_, resolve_, [this] { return timely_symbols_.lacks_modules(); }),
        lock_names_(target.modules(), target.memory(), symbols_) {}

  Observation run() {
    seen_.pid = target_.pid();
    seen_.executable = target_.executable();
    seen_.host = target_.host();
    seen_.wall_clock_ns = target_.wall_clock_ns();
    began_ = std::chrono::steady_clock::now();
    list_tasks();
    seen_.thread_count = tasks_.size();
    find_waits();
    find_who_has_what();
    for (SeenLock& lock : seen_.locks) see_holders(lock.holders);
    name_enders_elsewhere();
    name_readers();
    for (const auto& [tid, joined] : std::map(seen_.joins)) see_holders({joined});
    for (const SeenLock& lock : seen_.file_locks) see_holders(lock.holders);
    for (const SeenLock& lock : seen_.likely_locks) see_holders(lock.holders);
    name_holders_of_own_file_locks();
    drop_what_moved();
    find_idle();
    return std::move(seen_);
  }

 private:
  // For how long, at least, the thread had not run at the time given in the reports; 0: unknown.
  uint64_t asleep_ns(int tid) {
    if (const auto known = slept_before_stop_.find(tid); known != slept_before_stop_.end()) return known->second;
    return at_beginning(target_.asleep_ns(tid));
  }

  uint64_t elapsed_ns() const {
    return static_cast<uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now() - began_).count());
  }

  // What a duration until now was, at least, when the inspection began.
  uint64_t at_beginning(uint64_t duration_ns) const { return duration_ns - std::min(duration_ns, elapsed_ns()); }

  // A later call adds only new threads: for the others, the first look is kept, for comparison with the last.
  void list_tasks() {
    for (const Task& task : target_.tasks()) {
      by_namespace_tid_[task.namespace_tid] = task.tid;
      tasks_.try_emplace(task.tid, task);
    }
  }

  // 0 if there is no such thread.
  int tid_of(int namespace_tid) const {
    const auto found = by_namespace_tid_.find(namespace_tid);
    return found == by_namespace_tid_.end() ? 0 : found->second;
  }

  std::optional<SharedOwner> owner_of_shared(uintptr_t lock, int id) {
    auto owner = target_.shared_owner(lock, id);
    if (owner && owner->pid == target_.pid()) owner->pid = 0;
    return owner;
  }

  bool is_in_our_pid_namespace() const {
    return std::all_of(tasks_.begin(), tasks_.end(),
                       [](const auto& task) { return task.second.namespace_tid == task.first; });
  }

  const RawStack& unwound(const Capture& capture) {
    unwinder_.begin_report();
    std::vector<RegisterSet> registers;
    unwinder_.unwind(capture.snapshot, *raw_, &registers);
    lock_names_.add_stack(*raw_, capture.snapshot.call, std::move(registers));
    return *raw_;
  }

  Stack named_stack(const Capture& capture) { return namer_.name(unwound(capture)).stack; }

  void find_waits() {
    timely_symbols_.begin_report();
    for (const auto& [tid, task] : tasks_) {
      if (may_wait_for_thread(task.snapshot, [this](int thread) { return tid_of(thread) != 0; })) find_join(task);
      if (may_wait_for_initializer(task.snapshot)) find_initializer(task);
      if (waits_for_file_lock(task.snapshot.call) || waits_for_child(task.snapshot.call)) find_kernel_wait(task);
      if (!may_wait_for_lock(task.snapshot)) continue;
      const uint64_t slept_ns = asleep_ns(tid);
      Capture capture = target_.capture(task);
      Stack stack = named_stack(capture);
      const BlockingFunction function = waits_.function_in(*raw_);
      const bool may_be_refused = function == BlockingFunction::mutex || function == BlockingFunction::unknown;
      if (may_be_refused && waits_in_vain(task.snapshot)) capture = target_.capture_registers(task);
      const auto wait = find_lock_wait(capture, function, target_.memory(),
                                       [this](int namespace_tid) { return by_namespace_tid_.contains(namespace_tid); });
      if (!wait || !has_stayed(task)) continue;
      SeenLock& lock = lock_of(of_its_kind(wait->lock));
      lock.waits.push_back({tid, wait->access, wait->likely, wait->timed, wait->for_readers});
      name_by_stack(lock);
      Wait seen = waits_.read(task.snapshot, function, target_.context(tid));
      if (waits_in_vain(task.snapshot)) seen.object = wait->lock.address;
      see_thread(task, std::move(stack), "", slept_ns);
      seen_.threads[tid].wait = seen;
    }
  }

  // By the stack that was unwound last: of a thread that waits for the lock, or has it.
  void name_by_stack(SeenLock& lock) {
    if (lock.name.empty()) lock.name = lock_names_.name(lock.lock, 0, {raw_.get()});
  }

  void visit_stacks(const WaitingProcess::VisitStack& visit) {
    if (tasks_.size() > kMaxSearched) return;
    for (const auto& [tid, task] : tasks_) {
      if (task.snapshot.state == ThreadState::running) continue;
      const Capture capture = target_.capture(task);
      const RawStack& stack = unwound(capture);
      if (has_stayed(task)) visit(capture.snapshot, stack);
    }
  }

  void find_join(const Task& task) {
    const uint64_t slept_ns = asleep_ns(task.tid);
    const Capture capture = target_.capture(task);
    const Doing doing = look_at(task, capture);
    if (doing.wait.kind != WaitKind::join || doing.wait.ender_count == 0 || !has_stayed(task)) return;
    see_thread(task, named_stack(capture), doing.words, slept_ns);
    seen_.threads[task.tid].wait = doing.wait;
    if (!doing.wait.has_timeout) seen_.joins[task.tid] = doing.wait.enders[0].tid;
  }

  // Who runs an initializer is looked for once, however many wait for it.
  void find_initializer(const Task& task) {
    const uint64_t slept_ns = asleep_ns(task.tid);
    const Capture capture = target_.capture(task);
    Stack stack = named_stack(capture);
    const BlockingFunction function = waits_.function_in(*raw_);
    if (function != BlockingFunction::once && function != BlockingFunction::local_static) return;
    const uintptr_t object = futex_wait(task.snapshot.call)->word;
    if (!initializer_waits_.contains(object))
      initializer_waits_[object] = waits_.read(task.snapshot, function, target_.context(task.tid));
    const Wait& wait = initializer_waits_[object];
    if (wait.object != object || wait.ender_count == 0 || !has_stayed(task)) return;
    initializer_of(wait).waits.push_back({task.tid});
    see_thread(task, std::move(stack), describe_doing(task.snapshot, wait, "", target_.context(task.tid)), slept_ns);
    seen_.threads[task.tid].wait = wait;
  }

  SeenLock& initializer_of(const Wait& wait) {
    for (SeenLock& known : seen_.likely_locks)
      if (known.lock.address == wait.object) return known;
    SeenLock& added = seen_.likely_locks.emplace_back();
    added.lock = {wait.object, wait.kind == WaitKind::once ? LockKind::once : LockKind::local_static};
    added.name = wait.name;
    added.holders = {wait.enders[0].tid};
    added.holders_likely = true;
    return added;
  }

  void find_kernel_wait(const Task& task) {
    const uint64_t slept_ns = asleep_ns(task.tid);
    const Capture capture = target_.capture(task);
    const Doing doing = look_at(task, capture);
    if (!doing.wait.known || !has_stayed(task)) return;
    see_thread(task, named_stack(capture), doing.words, slept_ns);
    seen_.threads[task.tid].wait = doing.wait;
    unconnected_.push_back(task.tid);
  }

  // Threads of other processes, which are met on the way, may wait for locks that are not in the list yet.
  void find_who_has_what() {
    for (size_t lock = 0, wait = 0; lock < seen_.locks.size() || wait < unconnected_.size();) {
      if (wait < unconnected_.size()) {
        connect_kernel_wait(unconnected_[wait++]);
        continue;
      }
      read_holders(seen_.locks[lock]);
      for (const int tid : std::vector(seen_.locks[lock].holders)) follow_other_process(tid);
      ++lock;
    }
  }

  // To the threads that alone can end it.
  void connect_kernel_wait(int tid) {
    const Wait wait = seen_.threads[tid].wait;
    std::vector<int> holders;
    bool are_likely = false, share_it = false;
    for (uint32_t i = 0; i < wait.ender_count; ++i) {
      const Ender& ender = wait.enders[i];
      if (ender.only == OnlyThread::no || !see_only_thread(ender)) continue;
      holders.push_back(ender.tid);
      are_likely |= ender.only == OnlyThread::likely;
      share_it |= ender.shares;
    }
    if (holders.empty()) return;
    if (wait.kind == WaitKind::file_lock)
      add_file_lock(tid, holders, are_likely, share_it ? Access::shared : Access::exclusive);
    else if (!ends_by_timeout(wait))
      seen_.joins[tid] = holders.front();
  }

  bool see_only_thread(const Ender& ender) {
    if (ender.pid == 0 || ender.pid == target_.pid()) return tasks_.contains(ender.tid);
    if (!see_other_thread(ender.pid, ender.tid)) return false;
    follow_other_process(ender.tid);
    return true;
  }

  // As it is in the way of one thread: another one may wait for others of its holders.
  void add_file_lock(int waiter, const std::vector<int>& holders, bool are_likely, Access held_as) {
    const std::string name = file_waited_for(waiter);
    const bool is_timed = ends_by_timeout(seen_.threads[waiter].wait);
    std::vector<SeenLock>& locks = are_likely ? seen_.likely_locks : seen_.file_locks;
    auto known = std::find_if(locks.begin(), locks.end(), [&](const SeenLock& lock) {
      return lock.lock.kind == LockKind::file_lock && lock.name == name && lock.holders == holders;
    });
    if (known == locks.end()) {
      known = locks.insert(locks.end(), SeenLock{});
      known->lock.kind = LockKind::file_lock;
      known->name = name;
      known->holders = holders;
      known->holders_likely = are_likely;
      known->held_as = held_as;
    }
    known->waits.push_back({waiter, Access::exclusive, false, is_timed});
  }

  std::string file_waited_for(int tid) {
    const auto other = others_.find(tid);
    if (other != others_.end()) return other->second.file;
    return file_of_lock(tasks_[tid].snapshot.call, target_.context(tid).files);
  }

  // Of locks that this process has itself, by several threads.
  void name_holders_of_own_file_locks() {
    for (auto& [tid, thread] : std::map(seen_.threads)) {
      if (thread.pid != 0 || !is_for_own_file_lock(thread.wait)) continue;
      std::vector<int> others = threads_of_program(target_.pid());
      std::erase(others, tid);
      const auto wait_of = [this](int other) {
        const auto found = seen_.threads.find(other);
        return found == seen_.threads.end() ? std::nullopt : std::optional(found->second.wait);
      };
      const int holder = likely_holder_of_own_file_lock(tid, others, wait_of);
      const bool all_have_stayed =
          std::all_of(tasks_.begin(), tasks_.end(), [this](const auto& task) { return has_stayed(task.second); });
      if (holder == 0 || !all_have_stayed) continue;
      SeenThread& waiting = seen_.threads[tid];
      add_likely_holder(waiting.wait, holder, target_.thread_name(0, holder));
      waiting.doing = describe_doing(tasks_[tid].snapshot, waiting.wait, "", target_.context(tid));
      add_file_lock(tid, {holder}, true, thread.wait.enders[0].shares ? Access::shared : Access::exclusive);
    }
  }

  // A thread that waits in vain never moves, and our own stop would be counted as a move.
  bool has_stayed(const Task& task) { return waits_in_vain(task.snapshot) || target_.has_stayed(task); }

  struct Doing {
    Wait wait{};
    std::string words;
  };

  // Memory and descriptors may belong to another call by now: then only the call itself is described.
  Doing look_at(const Task& task, const Capture& capture) {
    const Snapshot& snapshot = capture.snapshot;
    const CallContext context = target_.context(task.tid);
    Doing doing;
    doing.wait = waits_.read(
        snapshot, [&]() -> const RawStack& { return unwound(capture); }, context);
    name_ender_by_code(task.tid, doing.wait);
    doing.words = describe_doing(snapshot, doing.wait, "", context);
    const bool stayed = target_.has_stayed({task.tid, task.namespace_tid, snapshot});
    if (snapshot.state != ThreadState::blocked || stayed) return doing;
    return {{}, describe_activity(snapshot, "", {})};
  }

  // Of the threads that wait, without a timeout, for a mutex which the waiting thread has, the only one that goes on to end its wait.
  void name_ender_by_code(int waiter, Wait& wait) {
    if (!may_be_ended_by_code(wait)) return;
    std::vector<int> found;
    for (const SeenLock& lock : seen_.locks) {
      if (lock.lock.kind != LockKind::mutex || lock.holders_likely || lock.holders != std::vector{waiter}) continue;
      for (const SeenWait& other : lock.waits)
        if (!other.timed && !others_.contains(other.tid) &&
            guards_.may_signal(tasks_[other.tid], lock.lock, wait.object))
          found.push_back(other.tid);
    }
    if (found.size() == 1) add_ender_by_code(wait, found.front(), target_.thread_name(0, found.front()));
  }

  // The loader's locks are mutexes in its own data.
  LockRef of_its_kind(LockRef lock) {
    const bool is_loaders = lock.kind == LockKind::mutex && is_in_loader(lock.address, target_.modules());
    return {lock.address, is_loaders ? LockKind::loader : lock.kind};
  }

  SeenLock& lock_of(const LockRef& lock) {
    for (SeenLock& known : seen_.locks) {
      if (known.lock == lock) return known;
    }
    seen_.locks.emplace_back().lock = lock;
    return seen_.locks.back();
  }

  void see_thread(const Task& task, Stack stack, std::string doing, uint64_t asleep_ns) {
    SeenThread& thread = seen_.threads[task.tid];
    thread.tid = task.tid;
    thread.name = target_.thread_name(0, task.tid);
    thread.state = task.snapshot.state;
    thread.stack = std::move(stack);
    thread.doing = std::move(doing);
    thread.asleep_ns = asleep_ns;
  }

  void read_holders(SeenLock& lock) {
    timely_symbols_.begin_report();
    const bool is_stream = lock.lock.kind == LockKind::stream;
    const unsigned glibc_minor = is_stream ? glibc_minor_of(target_.modules(), target_.memory()) : 0;
    const auto fields = read_lock_fields(lock.lock, target_.memory(), glibc_minor);
    if (is_stream) lock.name = stream_name(lock.lock.address, target_.modules(), target_.memory());
    if (!fields) return;
    lock.depth = fields->depth;
    if (fields->owner != 0) {
      read_owner(lock, *fields);
    } else if (fields->readers != 0) {
      lock.held_as = Access::shared;
      find_readers(lock, fields->readers);
    }
  }

  void read_owner(SeenLock& lock, const LockFields& fields) {
    lock.owner = fields.owner;
    const auto shared = fields.process_shared ? target_.shared_owner(lock.lock.address, lock.owner) : std::nullopt;
    if (shared) return read_shared_owner(lock, *shared);
    // The owner may have been started since we listed the threads.
    if (!by_namespace_tid_.contains(fields.owner)) list_tasks();
    const int tid = tid_of(fields.owner);
    if (tid == 0)
      read_lost_owner(lock, fields);
    else if (is_younger_than_waiter(lock, target_.pid(), tid))
      name_nobody(lock);
    else
      take_owner(lock, tid);
  }

  // Whether a thread has slept for the lock since before that one began. If it had been released since, a waiter would have been
  // woken, which need not have been this one.
  bool is_younger_than_waiter(const SeenLock& lock, int pid, int tid) {
    const uint64_t since_beginning_ns = elapsed_ns();  // before the age is read, which is then no less than it was
    const auto age_ns = target_.most_age_ns(pid, tid);
    return age_ns && std::any_of(lock.waits.begin(), lock.waits.end(), [&](const SeenWait& wait) {
             const uint64_t asleep_ns = seen_.threads[wait.tid].asleep_ns;
             return asleep_ns > 0 && asleep_ns + since_beginning_ns > *age_ns;
           });
  }

  void name_nobody(SeenLock& lock) {
    lock.lost = LostOwner::younger;
    for (const SeenWait& seen : lock.waits) {
      Wait& wait = seen_.threads[seen.tid].wait;
      if (wait.object != lock.lock.address) continue;
      wait.ender_count = 0;
      wait.gap = EnderGap::younger;
    }
  }

  void take_owner(SeenLock& lock, int tid) {
    lock.holders = {tid};
    find_taker(lock, tasks_[tid]);
  }

  // The lock says who has it; the function that took it may still be there.
  void find_taker(SeenLock& lock, const Task& owner) {
    if (owner.snapshot.state == ThreadState::running) return;  // it would be interrupted
    const HolderGuards::Held* const held = guards_.of(owner, lock_awaited_by(owner.tid));
    const GuardedLock* const guard = held == nullptr ? nullptr : find_lock(held->locks, lock.lock);
    if (guard != nullptr) lock.guards[owner.tid] = seen(*guard, held->stack);
  }

  // If the lock does not check its owner, the main thread can release a lock that it took before the fork under another
  // id. If another thread of the parent may be meant, a main thread that waits for the lock is hardly the one.
  void read_lost_owner(SeenLock& lock, const LockFields& fields) {
    const Kin kin = target_.kin(fields.owner);
    const bool may_be_main = kin == Kin::main_before_fork || kin == Kin::older;
    if (!may_be_main || fields.compares_owner) {
      lock.lost = kin == Kin::none ? LostOwner::ended : LostOwner::of_parent;
      return;
    }
    lock.before_fork = true;
    if (kin == Kin::older && waits_for(target_.pid(), lock)) {
      lock.lost = LostOwner::unclear;
    } else {
      lock.holders = {target_.pid()};
      lock.holders_likely = true;
    }
  }

  void read_shared_owner(SeenLock& lock, const SharedOwner& owner) {
    switch (owner.proof) {
      case OwnerProof::proven:
      case OwnerProof::likely:
        return take_shared_owner(lock, owner);
      case OwnerProof::exited:
        lock.lost = LostOwner::ended;
        return;
      case OwnerProof::not_found:
        lock.lost = owner.is_ambiguous ? LostOwner::unclear : LostOwner::of_other_process;
        return;
    }
  }

  void take_shared_owner(SeenLock& lock, const SharedOwner& owner) {
    const bool is_here = owner.pid == target_.pid();
    if (is_here && !tasks_.contains(owner.tid)) list_tasks();
    // A thread that waits for the lock itself is hardly the one that has it, if another one may be meant.
    lock.holders_likely = owner.proof == OwnerProof::likely;
    if (is_younger_than_waiter(lock, owner.pid, owner.tid)) return name_nobody(lock);
    if (lock.holders_likely && waits_for(owner.tid, lock))
      lock.lost = LostOwner::unclear;
    else if (is_here && tasks_.contains(owner.tid))
      take_owner(lock, owner.tid);
    else if (!is_here && see_other_thread(owner.pid, owner.tid))
      lock.holders = {owner.tid};
    else
      lock.lost = LostOwner::of_other_process;
  }

  bool see_other_thread(int pid, int tid) {
    if (others_.contains(tid)) return true;
    const auto other = others_.size() < kMaxOthers ? target_.other_thread(pid, tid) : std::nullopt;
    if (!other) return false;
    SeenThread& thread = seen_.threads[tid];
    thread.tid = tid;
    thread.name = other->name;
    thread.state = other->task.snapshot.state;
    thread.asleep_ns = at_beginning(other->asleep_ns);
    thread.pid = other->pid;
    thread.process = other->process;
    thread.stack.note = "not captured: the thread belongs to another process";
    thread.wait = other->wait;
    if (other->wait.known) unconnected_.push_back(tid);
    others_.try_emplace(tid, *other);
    return true;
  }

  // A mutex that it shares with this process, and sleeps for.
  void follow_other_process(int tid) {
    const auto other = others_.find(tid);
    if (other == others_.end() || other->second.word == 0) return;
    const LockRef wanted{other->second.word, LockKind::mutex};
    const auto fields = read_lock_fields(wanted, target_.memory());
    if (!fields || !fields->process_shared || !fields->is_contended || fields->owner == 0) return;
    Wait& wait = seen_.threads[tid].wait;
    wait.known = true;
    wait.kind = WaitKind::mutex;
    wait.object = wanted.address;
    SeenLock& lock = lock_of(wanted);
    if (!waits_for(tid, lock)) lock.waits.push_back({tid, Access::exclusive});
  }

  // Once it is known who has the lock that a thread of another process waits for.
  void name_enders_elsewhere() {
    for (const SeenLock& lock : seen_.locks) {
      for (const SeenWait& seen : lock.waits) {
        if (!others_.contains(seen.tid) || lock.holders.size() != 1 || lock.holders_likely) continue;
        Wait& wait = seen_.threads[seen.tid].wait;
        const int pid = seen_.threads[lock.holders[0]].pid;
        wait.enders[wait.ender_count++] = {pid, lock.holders[0], Evidence::stated, {}};
      }
    }
  }

  // An rwlock does not say who reads. Once that is known from what the threads' frames will release, it is who can end the wait.
  void name_readers() {
    for (const SeenLock& lock : seen_.locks) {
      if (lock.owner != 0 || lock.guards.empty()) continue;
      for (const SeenWait& seen : lock.waits) add_readers(lock, seen_.threads[seen.tid].wait);
    }
  }

  void add_readers(const SeenLock& lock, Wait& wait) const {
    if (wait.gap != EnderGap::not_stated || wait.object != lock.lock.address) return;
    wait.gap = EnderGap::none;
    for (const auto& [tid, guard] : lock.guards) {
      if (wait.ender_count == kMaxEnders) return;
      Ender& ender = wait.enders[wait.ender_count++] = {0, tid, guard.evidence, {}};
      std::snprintf(ender.thread, sizeof ender.thread, "%s", seen_.threads.at(tid).name.c_str());
    }
  }

  // Of any thread that was looked at.
  bool has_stayed(int tid) {
    const auto other = others_.find(tid);
    return other != others_.end() ? target_.has_stayed(other->second) : has_stayed(tasks_[tid]);
  }

  // On a busy machine, the time may be over before all names have been read that the search needs. Those that have been stay known.
  std::map<int, const HolderGuards::Held*> find_held() {
    std::map<int, const HolderGuards::Held*> held;
    for (unsigned attempt = 0; attempt < kMaxAttempts; ++attempt) {
      if (attempt > 0) timely_symbols_.begin_report();
      for (auto& [tid, task] : tasks_) held[tid] = guards_.of(task, lock_awaited_by(tid));
      if (!timely_symbols_.lacks_modules()) break;
    }
    return held;
  }

  // An rwlock only counts its readers. Who they are is found by what the frames of all threads will release; what contradicts
  // the count is dropped.
  void find_readers(SeenLock& lock, uint32_t readers) {
    std::map<int, const HolderGuards::Held*> held = find_held();
    std::vector<ReaderCandidate> candidates = candidates_for(lock, held);
    // A thread is stopped for its registers only if that can tell more: the next inspection will not know how long it has slept.
    for (const int tid : by_likelihood(candidates)) {
      if (are_proven(candidates, readers)) break;
      const auto before_stop = [&] { slept_before_stop_[tid] = asleep_ns(tid); };
      held[tid] = guards_.of_stopped(tasks_[tid], lock_awaited_by(tid), before_stop);
      candidates = candidates_for(lock, held);
    }
    drop_contradicted(candidates, readers);
    for (const ReaderCandidate& candidate : candidates) {
      lock.holders.push_back(candidate.tid);
      lock.guards[candidate.tid] = seen(candidate.lock, held[candidate.tid]->stack);
    }
    lock.unknown_readers = readers - holds_of(candidates);
  }

  // All threads, those first that seem to be readers, and those last that are certain to be.
  std::vector<int> by_likelihood(const std::vector<ReaderCandidate>& candidates) const {
    const auto rank = [&](int tid) {
      const auto found = std::find_if(candidates.begin(), candidates.end(),
                                      [tid](const ReaderCandidate& one) { return one.tid == tid; });
      if (found == candidates.end()) return 1;
      return is_guess(found->lock.evidence) ? 0 : 2;
    };
    std::vector<int> tids;
    for (const auto& [tid, task] : tasks_) tids.push_back(tid);
    std::stable_sort(tids.begin(), tids.end(), [&](int a, int b) { return rank(a) < rank(b); });
    return tids;
  }

  static std::vector<ReaderCandidate> candidates_for(const SeenLock& lock,
                                                     const std::map<int, const HolderGuards::Held*>& held) {
    std::vector<ReaderCandidate> candidates;
    for (const auto& [tid, known] : held) {
      const GuardedLock* const guard = known == nullptr ? nullptr : find_lock(known->locks, lock.lock);
      if (guard != nullptr) candidates.push_back({tid, *guard});
    }
    return candidates;
  }

  static bool are_proven(const std::vector<ReaderCandidate>& candidates, uint32_t readers) {
    const bool is_any_likely = std::any_of(candidates.begin(), candidates.end(),
                                           [](const ReaderCandidate& one) { return is_guess(one.lock.evidence); });
    return !is_any_likely && holds_of(candidates) == readers;
  }

  SeenGuard seen(const GuardedLock& found, const RawStack& stack) {
    SeenGuard guard{found.evidence, found.times, {}, {}};
    const NamedStack named = namer_.name(stack);
    guard.now_took = took(found, named);
    if (guard.now_took) {
      const auto first = named.stack.frames.begin() + static_cast<std::ptrdiff_t>(*guard.now_took);
      guard.taken.frames.assign(first, named.stack.frames.end());
      guard.taken.complete = named.stack.complete;
    }
    guard.taken.note = kHeldByCode;
    return guard;
  }

  // Of the functions that are inlined into the frame, the innermost one that it is in both now and where it releases the lock. If
  // that is not known, the function itself.
  std::optional<size_t> took(const GuardedLock& found, const NamedStack& named) {
    if (found.released_at != 0) {
      const auto at_release = std::make_unique<RawStack>();
      at_release->count = 1;
      at_release->frames[0].pc = found.released_at;
      const auto shared = shared_frame(namer_.name(*at_release), 0, named, found.frame);
      if (shared) return shared;
    }
    const NamedStack::Span& span = named.spans[found.frame];
    return span.end > span.begin ? std::optional(span.end - 1) : std::nullopt;
  }

  std::optional<LockRef> lock_awaited_by(int tid) const {
    for (const SeenLock& lock : seen_.locks) {
      if (waits_for(tid, lock)) return lock.lock;
    }
    return std::nullopt;
  }

  static bool waits_for(int tid, const SeenLock& lock) {
    return std::any_of(lock.waits.begin(), lock.waits.end(), [tid](const SeenWait& wait) { return wait.tid == tid; });
  }

  void see_holders(const std::vector<int>& holders) {
    for (const int tid : holders) {
      if (seen_.threads.contains(tid)) continue;
      Task task = tasks_[tid];
      const uint64_t slept_ns = task.snapshot.state == ThreadState::running ? 0 : asleep_ns(tid);
      const Capture capture = target_.capture(task);
      task.snapshot.state = capture.snapshot.state;
      // Before the stack is named, which may take long.
      const Doing doing = look_at(task, capture);
      see_thread(task, named_stack(capture), doing.words, slept_ns);
      seen_.threads[tid].wait = doing.wait;
      for (SeenLock& lock : seen_.locks)
        if (std::find(lock.holders.begin(), lock.holders.end(), tid) != lock.holders.end()) name_by_stack(lock);
    }
  }

  // The last look. A lock that is no longer waited for was an ordinary wait, and is not reported.
  void drop_what_moved() {
    // A holder that has run may have released the lock and acquired it again.
    for (auto& [tid, thread] : seen_.threads) {
      if (!has_stayed(tid)) thread.asleep_ns = 0;
    }
    for (SeenLock& lock : seen_.locks) {
      std::erase_if(lock.waits, [this](const SeenWait& wait) { return !has_stayed(wait.tid); });
      const auto fields = read_lock_fields(lock.lock, target_.memory());
      lock.corrupt = (fields && fields->is_miscounted && is_waited_for_readers_of(lock)) ||
                     (is_overwritten(lock.lock, target_.memory()) && sleeper_for(lock) != nullptr);
      if (fields && fields->is_there_for_taking) see_free_lock(lock);
      lock.left_by_exited =
          lock.lock.kind == LockKind::stream && is_stream_left_by_exited(lock.lock.address, target_.memory());
      const int owner = fields ? fields->owner : 0;
      if (owner == lock.owner) continue;
      lock.changed_hands = true;
      lock.holders.clear();
      lock.lost = LostOwner::none;
    }
    for (std::vector<SeenLock>* const locks : {&seen_.file_locks, &seen_.likely_locks})
      for (SeenLock& lock : *locks)
        std::erase_if(lock.waits, [this](const SeenWait& wait) { return !has_stayed(wait.tid); });
    std::erase_if(seen_.joins, [this](const auto& join) { return !has_stayed(join.first); });
    std::erase_if(seen_.locks, [](const SeenLock& lock) { return lock.waits.empty(); });
  }

  // What is idle is looked at last: nothing depends on it.
  void find_idle() {
    std::map<std::vector<uintptr_t>, SeenIdle> by_stack;
    size_t looked_at = 0;
    for (const auto& [tid, task] : tasks_) {
      if (seen_.threads.contains(tid) || task.snapshot.state == ThreadState::running) continue;
      if (!futex_wait(task.snapshot.call)) continue;
      if (++looked_at > kMaxIdle)
        ++seen_.idle_not_looked_at;
      else
        see_if_idle(task, by_stack);
    }
    for (auto& [pcs, idle] : by_stack) seen_.idle.push_back(std::move(idle));
  }

  // Of threads at the same place, the stack is named once.
  void see_if_idle(const Task& task, std::map<std::vector<uintptr_t>, SeenIdle>& by_stack) {
    const uint64_t slept_ns = asleep_ns(task.tid);
    const Capture capture = target_.capture(task);
    if (waits_.function_in(unwound(capture)) != BlockingFunction::condition) return;
    std::vector<uintptr_t> pcs;
    for (uint32_t i = 0; i < raw_->count; ++i) pcs.push_back(raw_->frames[i].pc);
    const Wait wait = waits_.read(task.snapshot, BlockingFunction::condition, target_.context(task.tid));
    if (wait.kind != WaitKind::condition || !has_stayed(task)) return;
    const bool is_new = !by_stack.contains(pcs);
    SeenIdle& idle = by_stack[std::move(pcs)];
    if (is_new) {
      idle.condition = wait.object;
      idle.name = wait.name;
      idle.stack = named_stack(capture);
    } else if (idle.condition != wait.object) {
      idle.condition = 0;
      idle.name.clear();
    }
    SeenThread& thread = idle.threads.emplace_back();
    thread.tid = task.tid;
    thread.name = target_.thread_name(0, task.tid);
    thread.asleep_ns = slept_ns;
  }

  // Whether a thread has slept since before the fields were read, and does so now, as the writer that has the rwlock next.
  bool is_waited_for_readers_of(const SeenLock& lock) {
    return std::any_of(lock.waits.begin(), lock.waits.end(),
                       [this](const SeenWait& wait) { return wait.for_readers && has_stayed(tasks_[wait.tid]); });
  }

  // A thread that has slept for the lock since before its fields were read, and will not wake up by itself; or null.
  const Task* sleeper_for(const SeenLock& lock) {
    const auto found = std::find_if(lock.waits.begin(), lock.waits.end(), [this](const SeenWait& wait) {
      return !wait.timed && !wait.likely && has_stayed(tasks_[wait.tid]);
    });
    return found == lock.waits.end() ? nullptr : &tasks_[found->tid];
  }

  void see_free_lock(SeenLock& lock) {
    const Task* const sleeper = sleeper_for(lock);
    if (sleeper == nullptr) return;
    lock.free = true;
    const auto is_free = [&] {
      const auto fields = read_lock_fields(lock.lock, target_.memory());
      return fields && fields->is_there_for_taking;
    };
    lock.lost_wakeup =
        is_wakeup_lost(target_, *sleeper, is_free, [this](const Task& task) { return may_be_in_handler(task); });
  }

  // The frame that a signal has interrupted is an exact position further out.
  bool may_be_in_handler(const Task& task) {
    const RawStack& stack = unwound(target_.capture(task));
    const auto is_interrupted = [](const RawFrame& frame) { return frame.pc_is_exact; };
    return !stack.complete || stack.count == 0 ||
           std::any_of(stack.frames + 1, stack.frames + stack.count, is_interrupted);
  }

  InspectTarget& target_;
  Unwinder unwinder_;
  Symbols symbols_;
  TimelySymbols timely_symbols_{symbols_};
  StackNamer::Resolve resolve_;
  StackNamer namer_;
  const WaitingProcess process_;
  WaitReader waits_;
  HolderGuards guards_;
  LockNames lock_names_;
  std::map<int, uint64_t> slept_before_stop_;  // by thread id
  std::unique_ptr<RawStack> raw_ = std::make_unique<RawStack>();
  std::map<int, Task> tasks_;
  std::map<int, OtherThread> others_;
  std::vector<int> unconnected_;                 // threads that wait for a lock of a file or a child
  std::map<uintptr_t, Wait> initializer_waits_;  // by flag or guard: what the first thread waits for
  std::map<int, int> by_namespace_tid_;
  std::chrono::steady_clock::time_point began_;
  Observation seen_;
};

}  // namespace

Observation observe(InspectTarget& target) {
  return Observer(target).run();
}

}  // namespace holdwatch
