// See reports.h.
#include "symbolizer/tools/inspect/reports.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "shim/common/text/lock_kind_name.h"
#include "symbolizer/report/condition_waits.h"
#include "symbolizer/report/wait_report.h"
#include "symbolizer/tools/inspect/lock_facts.h"
#include "symbolizer/tools/inspect/report_trees.h"
#include "symbolizer/tools/inspect/wait_graph.h"

namespace holdwatch {
namespace {

constexpr char kRunsInitializer[] = "it runs the initializer";
constexpr char kHasFileLock[] = "unknown: the kernel says only which process has the lock";
constexpr size_t kMaxInChain = 6;
constexpr size_t kMaxStepsBehind = 64;  // of those behind a lock, in `chain`

std::string stack_key(const Stack& stack) {
  std::string key;
  for (const Frame& frame : stack.frames) key += frame.function + '\n';
  return key;
}

class InspectReports {
 public:
  explicit InspectReports(const Observation& seen)
      : seen_(seen),
        graph_(holders_of(seen, [](const SeenLock& lock) { return lock.holders; })),
        ways_(holders_of(seen, certain_holders)),
        ids_(seen.locks.size() + seen.joins.size() + seen.file_locks.size() + seen.likely_locks.size()) {
    for (size_t lock = 0; lock < seen.locks.size(); ++lock) add_waits(seen.locks[lock], lock, graph_);
    for (const auto& [tid, joined] : seen.joins) {
      graph_.add_wait(tid, seen.locks.size() + waits_for_ends_.size());
      waits_for_ends_.push_back(tid);
    }
    for (size_t i = 0; i < seen.file_locks.size(); ++i) add_waits(seen.file_locks[i], first_file_lock() + i, graph_);
    const std::set<int> joining = joining_on_ways();
    graph_.for_each_wait([&](int tid, size_t object) {
      if (!seen.joins.contains(tid) || joining.contains(tid)) ways_.add_wait(tid, object);
    });
  }

  std::vector<Report> run() {
    find_cycles();
    find_trees();
    for (size_t i = 0; i < deadlocks_.size(); ++i) report_deadlock(i);
    find_likely_cycles();
    report_trees();
    for (const auto& [object, steps] : likely_cycles_)
      if (!is_lock(object)) report_likely(object);
    list_idle();
    return std::move(reports_);
  }

 private:
  template <typename HoldersOfLock>
  static std::vector<std::vector<int>> holders_of(const Observation& seen, HoldersOfLock holders_of_lock) {
    std::vector<std::vector<int>> holders;
    for (const SeenLock& lock : seen.locks) holders.push_back(holders_of_lock(lock));
    for (const auto& [tid, joined] : seen.joins) holders.push_back({joined});
    for (const SeenLock& lock : seen.file_locks) holders.push_back(lock.holders);
    return holders;
  }

  // A thread that joins others and holds nothing is no victim of what they wait for: a main thread joins its workers.
  std::set<int> joining_on_ways() const {
    std::set<int> joining;
    const auto add = [&](int tid) {
      for (auto join = seen_.joins.find(tid); join != seen_.joins.end(); join = seen_.joins.find(join->second))
        if (!joining.insert(join->first).second) return;
    };
    for (const std::vector<SeenLock>* const locks : {&seen_.locks, &seen_.file_locks})
      for (const SeenLock& lock : *locks) std::for_each(lock.holders.begin(), lock.holders.end(), add);
    return joining;
  }

  void find_cycles() {
    for (const std::vector<int>& cycle : graph_.cycles()) {
      const auto timed = timed_in(cycle);
      if (timed != cycle.end()) {
        for (const int tid : cycle) passing_cycles_[*graph_.lock_waited_for(tid)] = timed_.at(*timed);
        continue;
      }
      deadlocks_.push_back(in_turn(cycle, graph_));
      in_cycles_.insert(cycle.begin(), cycle.end());
    }
  }

  void find_trees() {
    std::vector<std::vector<size_t>> deadlocks;
    for (const InTurn& deadlock : deadlocks_) deadlocks.push_back(deadlock.held);
    ways_.follow_first(in_cycles_);
    trees_.emplace(ways_, seen_.locks.size(), deadlocks);
  }

  // Of the locks that are part of no deadlock.
  void report_trees() {
    std::vector<size_t> roots, behind;
    for (size_t lock = 0; lock < seen_.locks.size(); ++lock)
      if (ids_[lock] == 0) (is_explained(lock) ? behind : roots).push_back(lock);
    for (std::vector<size_t>* const locks : {&roots, &behind}) {
      sort_by_rank(*locks);
      for (const size_t lock : *locks) number(lock);
    }
    for (const size_t lock : roots) report_lock(lock);
  }

  void sort_by_rank(std::vector<size_t>& locks) const {
    std::map<size_t, Rank> ranks;
    for (const size_t lock : locks) ranks[lock] = rank(lock);
    std::stable_sort(locks.begin(), locks.end(), [&](size_t a, size_t b) { return ranks[a] < ranks[b]; });
  }

  bool is_explained(size_t lock) const { return !likely_cycles_.contains(lock) && trees_->is_explained(lock); }

  void add_waits(const SeenLock& lock, size_t object, WaitGraph& graph) {
    for (const SeenWait& wait : lock.waits) {
      graph.add_wait(wait.tid, object);
      if (const auto timed = whose_timeout_ends(lock, wait)) timed_[wait.tid] = *timed;
    }
  }

  // The thread whose timeout, or alarm, ends the wait; 0: it is not known which; nothing: the wait lasts forever. A thread that wants
  // to read what others read waits for a writer that is to have the lock first, and until that one gives up.
  static std::optional<int> whose_timeout_ends(const SeenLock& lock, const SeenWait& wait) {
    if (wait.timed) return wait.tid;
    if (wait.access != Access::shared || lock.held_as != Access::shared || lock.owner != 0) return std::nullopt;
    int timed = 0;
    for (const SeenWait& other : lock.waits) {
      if (other.access != Access::exclusive) continue;
      if (!other.timed) return std::nullopt;
      timed = other.tid;
    }
    return timed;
  }

  std::vector<int>::const_iterator timed_in(const std::vector<int>& cycle) const {
    return std::find_if(cycle.begin(), cycle.end(), [this](int tid) { return timed_.contains(tid); });
  }

  // Who runs an initializer, for instance, is likely only: so the chains of waits, which graph_ has, do not lead through it, and a
  // cycle through it is not certain to be a deadlock. As in the watch, it is reported with a lock that one of its threads holds.
  void find_likely_cycles() {
    if (seen_.likely_locks.empty()) return;
    WaitGraph graph = graph_;
    for (const SeenLock& lock : seen_.likely_locks) add_waits(lock, graph.add_object(lock.holders), graph);
    for (const std::vector<int>& cycle : graph.cycles()) {
      const bool is_known =
          std::any_of(cycle.begin(), cycle.end(), [this](int tid) { return in_cycles_.contains(tid); });
      const bool is_over_likely =
          std::any_of(cycle.begin(), cycle.end(), [&](int tid) { return is_likely(*graph.lock_waited_for(tid)); });
      if (is_known || !is_over_likely || timed_in(cycle) != cycle.end()) continue;
      const InTurn likely = in_turn(cycle, graph);
      likely_cycles_.emplace(likely.held.front(), likely);
    }
  }

  // What can never end first, and what probably cannot; then the locks nearest to a thread that does not wait, then those with many
  // waiters.
  using Rank = std::tuple<bool, bool, size_t, size_t>;
  Rank rank(size_t lock) const {
    const SeenLock& seen = seen_.locks[lock];
    return {!is_lost(seen) && !seen.corrupt && !seen.lost_wakeup, !likely_cycles_.contains(lock),
            ways_.chain(lock).size(), SIZE_MAX - seen.waits.size() - trees_->behind_lock(lock).threads.size()};
  }

  // What is waited for is a lock, the end of a thread, a lock of a file, or what a thread is only likely to have, in this order.
  bool is_lock(size_t object) const { return object < seen_.locks.size(); }
  size_t first_file_lock() const { return seen_.locks.size() + waits_for_ends_.size(); }
  size_t first_likely() const { return first_file_lock() + seen_.file_locks.size(); }
  bool is_likely(size_t object) const { return object >= first_likely(); }

  // Null for the end of a thread.
  const SeenLock* lock_at(size_t object) const {
    if (is_lock(object)) return &seen_.locks[object];
    if (is_likely(object)) return &seen_.likely_locks[object - first_likely()];
    return object >= first_file_lock() ? &seen_.file_locks[object - first_file_lock()] : nullptr;
  }

  void number(size_t object) {
    if (lock_at(object) != nullptr && ids_[object] == 0) ids_[object] = ++last_id_;
  }

  // Empty for the end of a thread.
  std::string id(size_t object) const { return lock_at(object) != nullptr ? "L" + std::to_string(ids_[object]) : ""; }

  // Threads, each of which waits for what the next one has, and what that is; the first one's may be the report's lock.
  struct InTurn {
    std::vector<int> threads;
    std::vector<size_t> held;
  };

  InTurn in_turn(const std::vector<int>& cycle, const WaitGraph& graph) const {
    InTurn out{begin_with_least(cycle, graph), {}};
    out.held = {*graph.lock_waited_for(out.threads.back())};
    for (size_t i = 0; i + 1 < cycle.size(); ++i) out.held.push_back(*graph.lock_waited_for(out.threads[i]));
    return out;
  }

  // So that a deadlock is reported the same way in every run, independent of thread ids. The first one holds a lock, if any
  // does; of what is only likely a deadlock, one that is at the root of those who wait for it.
  std::vector<int> begin_with_least(std::vector<int> cycle, const WaitGraph& graph) const {
    const auto key = [&](size_t i) {
      const size_t held = *graph.lock_waited_for(cycle[(i + cycle.size() - 1) % cycle.size()]);
      const bool is_behind = trees_ && is_lock(held) && trees_->is_explained(held);
      return std::tuple(lock_at(held) == nullptr, is_likely(held), is_behind, seen_.threads.at(cycle[i]).pid != 0,
                        stack_key(seen_.threads.at(cycle[i]).stack), cycle[i]);
    };
    size_t least = 0;
    for (size_t i = 1; i < cycle.size(); ++i) least = key(i) < key(least) ? i : least;
    std::rotate(cycle.begin(), cycle.begin() + static_cast<std::ptrdiff_t>(least), cycle.end());
    return cycle;
  }

  Report begin(Event event, size_t object) {
    Report report = begin(event);
    if (const SeenLock* const lock = lock_at(object)) name_lock(*lock, id(object), report);
    return report;
  }

  Report begin(Event event) const {
    Report report;
    report.event = event;
    report.phase = Phase::snapshot;
    report.wall_clock_ns = seen_.wall_clock_ns;
    report.host = seen_.host;
    report.pid = seen_.pid;
    report.exe = seen_.executable;
    report.episode = reports_.size() + 1;
    return report;
  }

  void finish(Report report) {
    report.fingerprint = fingerprint(report);
    reports_.push_back(std::move(report));
  }

  ReportHolder holder(int tid, const SeenLock& lock) const {
    const SeenThread& thread = seen_.threads.at(tid);
    ReportHolder out;
    out.tid = tid;
    out.thread = thread.name;
    out.access = lock.held_as;
    out.depth = lock.depth;
    out.state = thread.state;
    out.held_ns = thread.asleep_ns;  // while asleep, it cannot have acquired anything
    out.taken.note = kNotWatched;
    out.now = thread.stack;
    out.likely = lock.holders_likely;
    out.elsewhere = thread.pid != 0;
    out.pid = thread.pid;
    out.process = thread.process;
    out.doing = thread.doing;
    out.wait = describe_wait(thread.wait, thread.asleep_ns);
    out.evidence = lock.holders_likely && lock.owner == 0 ? Evidence::stack : Evidence::stated;
    if (const auto guard = lock.guards.find(tid); guard != lock.guards.end()) add_guard(guard->second, lock, out);
    if (const size_t* next = graph_.lock_waited_for(tid)) out.waits_for = id_of_step(*next);
    return out;
  }

  // One that is in a cycle only because another one waits for its end.
  ReportHolder joined(int tid) const {
    ReportHolder out = holder(tid, SeenLock{});
    out.held_ns = 0;
    out.taken.note = kHoldsNoLock;
    return out;
  }

  // Waiters by stack and mode, longest waiting first.
  void add_waiters(Report& report, size_t number, const std::set<int>& but) {
    const SeenLock& lock = *lock_at(number);
    std::map<std::pair<Access, std::string>, std::vector<const SeenThread*>> groups;
    for (const SeenWait& wait : lock.waits) {
      if (but.contains(wait.tid)) continue;
      const SeenThread& thread = seen_.threads.at(wait.tid);
      groups[{wait.access, addresses(thread.stack)}].push_back(&thread);
    }
    for (auto& [key, threads] : groups) {
      report.waiters.push_back(group(key.first, threads, report));
      report.waiters.back().lock_id = id(number);
    }
    std::stable_sort(report.waiters.begin(), report.waiters.end(),
                     [](const ReportWaiters& a, const ReportWaiters& b) { return a.longest_ns > b.longest_ns; });
  }

  void report_deadlock(size_t number_of_it) {
    const auto& [cycle, held] = deadlocks_[number_of_it];
    for (const size_t object : held) number(object);
    Report report = begin(cycle.size() == 1 ? Event::self_deadlock : Event::deadlock, held.front());
    const std::set<int> members(cycle.begin(), cycle.end());
    for (size_t i = 0; i < cycle.size(); ++i) {
      const size_t next = (i + 1) % held.size();
      const SeenLock* const lock = lock_at(held[i]);
      report.holders.push_back(lock != nullptr ? holder(cycle[i], *lock) : joined(cycle[i]));
      report.holders.back().waits_for = id(held[next]);
      report.cycle.push_back(
          cycle_step(cycle[i], held[i], id(held[next]), lock_at(held[next]) == nullptr ? cycle[next] : 0));
      if (lock != nullptr) add_waiters(report, held[i], members);
    }
    add_behind(trees_->behind_deadlock(number_of_it), report);
    count_tree(report);
    finish(std::move(report));
  }

  ReportCycleStep cycle_step(int tid, size_t held, const std::string& waits_for, int joins) const {
    const SeenThread& thread = seen_.threads.at(tid);
    const SeenLock* const held_lock = lock_at(held);
    const SeenLock lock = held_lock != nullptr ? *held_lock : SeenLock{};
    return {tid,       id(held),         waits_for, lock.lock.kind, lock.lock.address,
            lock.name, thread.asleep_ns, false,     joins,          thread.pid};
  }

  // An initializer, or the lock of a file, has no id unless a report is about it.
  std::string id_of_step(size_t object) const { return ids_[object] == 0 ? "" : id(object); }

  void add_initializer_cycle(size_t object, Report& report) const {
    const auto found = likely_cycles_.find(object);
    if (found == likely_cycles_.end()) return;
    const auto& [threads, held] = found->second;
    for (size_t i = 0; i < threads.size(); ++i) {
      const size_t next = held[(i + 1) % held.size()];
      report.likely_cycle.push_back({threads[i], seen_.threads.at(threads[i]).name, id_of_step(held[i]),
                                     id_of_step(next), lock_at(next) == nullptr, seen_.threads.at(threads[i]).pid});
    }
  }

  // No thread of the cycle has a lock of libc's.
  void report_likely(size_t object) {
    number(object);
    const SeenLock& lock = *lock_at(object);
    Report report = begin(Event::wait, object);
    report.holders.push_back(holder(likely_cycles_.at(object).threads.front(), lock));
    report.holders.back().taken.note = lock.lock.kind == LockKind::file_lock ? kHasFileLock : kRunsInitializer;
    add_waiters(report, object, {});
    add_initializer_cycle(object, report);
    count_tree(report);
    finish(std::move(report));
  }

  void report_lock(size_t number) {
    const SeenLock& lock = seen_.locks[number];
    Report report = begin(event_of(lock), number);
    for (const int tid : lock.holders) report.holders.push_back(holder(tid, lock));
    if (is_lost(lock) && !lock.corrupt) report.holders.push_back(lost_holder(lock));
    add_waiters(report, number, {});
    add_notes(lock, report);
    const ReportTrees::Behind behind = trees_->behind_lock(number);
    add_behind(behind, report);
    add_initializer_cycle(number, report);
    if (report.likely_cycle.empty()) add_cycle_of_ender(number, report);
    if (report.likely_cycle.empty()) add_chain(number, behind.way, report);
    if (report.chain.empty()) add_why_no_root(number, report);
    count_tree(report);
    finish(std::move(report));
  }

  // After the reports, those with most threads first.
  void list_idle() {
    Report all = begin(Event::wait);
    all.lock_kind = LockKind::condition;
    std::map<uintptr_t, std::string> ids, names;
    for (const SeenIdle& idle : seen_.idle) {
      std::vector<const SeenThread*> threads;
      for (const SeenThread& thread : idle.threads) threads.push_back(&thread);
      ReportWaiters& waiters = all.waiters.emplace_back(group(Access::exclusive, threads, all));
      waiters.stack = idle.stack;
      waiters.object = idle.condition;
      if (idle.condition == 0) continue;
      if (!ids.contains(idle.condition)) ids[idle.condition] = "L" + std::to_string(++last_id_);
      names[idle.condition] = idle.name;
      waiters.lock_id = ids[idle.condition];
    }
    all.lost_ns = all.threads_delayed = 0;
    for (Report& one : listed_by_stack(all)) {
      one.episode = reports_.size() + 1;
      if (one.lock_address != 0) one.lock_name = names[one.lock_address];
      reports_.push_back(std::move(one));
    }
  }

  // Where the thread that can likely end what the holder waits for waits for the holder.
  void add_cycle_of_ender(size_t number, Report& report) const {
    const SeenLock& lock = seen_.locks[number];
    if (lock.holders.size() != 1 || lock.holders_likely) return;
    const SeenThread& holder = seen_.threads.at(lock.holders.front());
    const Ender* const ender = only_thread(holder.wait);
    if (ender == nullptr || ender->evidence != Evidence::code || ends_by_timeout(holder.wait)) return;
    const bool waits_for_ever = std::any_of(lock.waits.begin(), lock.waits.end(), [&](const SeenWait& wait) {
      return wait.tid == ender->tid && !whose_timeout_ends(lock, wait);
    });
    if (waits_for_ever)
      report.likely_cycle = {{holder.tid, holder.name, id(number), "", false},
                             {ender->tid, seen_.threads.at(ender->tid).name, "", id(number), false}};
  }

  // Without those who wait for the lock itself.
  void add_behind(const ReportTrees::Behind& behind, Report& report) const {
    report.behind_threads = behind.threads.size();
    for (const int tid : behind.threads) {
      const uint64_t waited_ns = seen_.threads.at(tid).asleep_ns;
      report.behind_longest_ns = std::max(report.behind_longest_ns, waited_ns);
      report.behind_lost_ns += waited_ns;
    }
  }

  // Those who wait, those behind them, and those on the way to the root, or in the cycle.
  void count_tree(Report& report) const {
    std::set<int> threads;
    for (const ReportWaiters& group : report.waiters) threads.insert(group.tids.begin(), group.tids.end());
    for (size_t i = 1; i <= report.steps_to_holder; ++i) threads.insert(report.chain[i].tid);
    for (const ReportCycleStep& step : report.cycle) threads.insert(step.tid);
    for (const ReportLikelyStep& step : report.likely_cycle) threads.insert(step.tid);
    report.tree_threads = threads.size() + report.behind_threads;
    report.tree_lost_ns = report.behind_lost_ns;
    for (const int tid : threads) report.tree_lost_ns += seen_.threads.at(tid).asleep_ns;
  }

  void add_why_no_root(size_t lock, Report& report) const {
    const auto passing = passing_cycles_.find(lock);
    const std::string why = passing == passing_cycles_.end() ? chain_text(lock) : passing_text(passing->second);
    if (!why.empty()) add_note(report.note, why);
  }

  // From the thread at the root to a holder of the lock, and on to those who are farthest behind it.
  void add_chain(size_t lock, const std::vector<int>& way_behind, Report& report) const {
    add_way_to_root(lock, report);
    if (report.chain.empty()) return;
    for (size_t i = 0; i + 1 < way_behind.size(); ++i) {
      if (i == kMaxStepsBehind) {
        report.chain_left_out = way_behind.size() - 1 - i;
        return;
      }
      const SeenThread& thread = seen_.threads.at(way_behind[i]);
      report.chain.push_back({thread.pid, thread.tid, thread.name,
                              id_of_step(*ways_.lock_waited_for(way_behind[i + 1])),
                              describe_wait(thread.wait, thread.asleep_ns), ""});
    }
  }

  // From a holder of the lock to the root; empty if a step is not certain, or leads into a circle.
  std::vector<int> way_to_root(size_t lock) const {
    std::vector<int> way = ways_.chain(lock);
    const int likely = way.empty() ? graph_.holder_on_way(lock) : WaitGraph::kNobody;
    if (likely != WaitGraph::kNobody) way = {likely};
    if (!way.empty() && graph_.waits(way.back())) way.clear();
    return way;
  }

  void add_way_to_root(size_t lock, Report& report) const {
    const std::vector<int> chain = way_to_root(lock);
    if (chain.empty()) return;
    size_t object = lock;
    for (const int tid : chain) {
      const SeenThread& thread = seen_.threads.at(tid);
      report.chain.push_back({thread.pid, tid, thread.name, id_of_step(object),
                              describe_wait(thread.wait, thread.asleep_ns), thread.doing});
      if (const size_t* next = graph_.lock_waited_for(tid)) object = *next;
    }
    if (is_for_other_thread(report.chain.back().wait)) {
      report.chain.clear();  // one that was not looked at: it is not the root
      return;
    }
    add_other_process(seen_.threads.at(chain.back()).wait, report);
    report.steps_to_holder = report.chain.size() - 1;
    std::reverse(report.chain.begin(), report.chain.end());
  }

  // A guess about who will signal is no step of a chain.
  static bool is_for_other_thread(const std::optional<ReportWait>& wait) {
    return wait && !wait->enders.empty() && wait->enders[0].pid == 0 && wait->enders[0].evidence != Evidence::code;
  }

  std::string passing_text(int timed) const {
    if (timed == 0)
      return "it is part of a cycle of waits that may end by itself: no writer is known that readers wait for";
    const bool is_interrupted = seen_.threads.at(timed).wait.may_be_interrupted;
    return "it is part of a cycle of waits that " + std::string(is_interrupted ? "may end" : "ends") +
           " by itself: " + std::to_string(timed) +
           (is_interrupted ? " waits in a call that an alarm can interrupt" : " waits with a timeout");
  }

  // "13 waits for L2, held by 14; 14 waits for L3, held by 15 ..." if a holder waits itself.
  std::string chain_text(size_t lock) const {
    const std::vector<int> chain = graph_.chain(lock);
    std::string text;
    for (size_t i = 0; i < chain.size(); ++i) {
      const size_t* next = graph_.lock_waited_for(chain[i]);
      if (next == nullptr) break;
      add_note(text, std::to_string(chain[i]) + " waits for " + name_of(*next, chain[i]));
      if (lock_at(*next) != nullptr && i + 1 < chain.size()) text += ", held by " + std::to_string(chain[i + 1]);
      if (in_cycles_.contains(chain[i])) return text + ", and is part of a deadlock";
      if (i + 1 == kMaxInChain) return text + " ...";
    }
    return text;
  }

  // What `tid` waits for.
  std::string name_of(size_t object, int tid) const {
    const SeenLock* const lock = lock_at(object);
    if (lock == nullptr) return "thread " + std::to_string(seen_.joins.at(tid)) + " to exit";
    return ids_[object] != 0 ? id(object) : std::string(lock_kind_words(lock->lock.kind)) + " " + lock->name;
  }

  const Observation& seen_;
  WaitGraph graph_;
  WaitGraph ways_;  // the same with those holders only that are certain: the ways to the roots
  std::optional<ReportTrees> trees_;
  std::vector<InTurn> deadlocks_;
  std::vector<int> waits_for_ends_;  // threads; what they wait for comes after the locks in the graph
  std::vector<uint32_t> ids_;        // by lock; 0: none yet
  uint32_t last_id_ = 0;
  std::map<int, int> timed_;              // threads whose waits end by themselves -> whose timeout ends them
  std::map<size_t, int> passing_cycles_;  // lock in a cycle that ends by itself -> the thread whose timeout ends it
  std::set<int> in_cycles_;
  std::map<size_t, InTurn> likely_cycles_;  // by what the first thread has
  std::vector<Report> reports_;
};

}  // namespace

std::vector<Report> reports_of(const Observation& seen) {
  return InspectReports(seen).run();
}

bool is_forever(const Report& report) {
  return ending_of(report.event) == Ending::lasts_forever;
}

}  // namespace holdwatch
