// The rules of shim/watch/wait_trees.h, on random waits and holds, against a plain implementation of them.
#include "shim/watch/wait_trees.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr uint64_t kNow = 1'000'000, kNewest = 500'000;

LockWord lock_at(uint64_t number) {
  return {reinterpret_cast<const void*>(number * 64), LockKind::rwlock, Access::shared};
}

struct PlainHold {
  uint64_t lock;
  int tid;
  uint64_t since_ns;
  bool is_soon_over;
};

struct PlainWait {
  uint64_t lock;  // 0: it joins
  int joined;
  uint64_t since_ns;
  bool is_certain;
};

// Who waits for what, as values; and what must be true of it, found by walking from thread to thread.
struct Plain {
  std::map<int, PlainWait> waits;  // by thread
  std::vector<PlainHold> holds;    // by thread

  // The one of a lock's holders that a waiter's way leads to; null if none is known.
  const PlainHold* to_blame(uint64_t lock) const {
    const PlainHold* best = nullptr;
    const auto rank = [&](const PlainHold& hold) {
      return std::tuple(hold.since_ns > kNewest, waits.contains(hold.tid), hold.since_ns, hold.tid);
    };
    for (const PlainHold& hold : holds)
      if (hold.lock == lock && (best == nullptr || rank(hold) < rank(*best))) best = &hold;
    return best;
  }
  // The thread that is in the way; 0 if it is not known.
  int next(int tid) const {
    const PlainWait& wait = waits.at(tid);
    if (wait.lock == 0) return wait.joined;
    const PlainHold* const hold = to_blame(wait.lock);
    return hold == nullptr ? 0 : hold->tid;
  }
  // The waiting threads from this one on; nothing if it leads into a circle.
  std::optional<std::vector<int>> way(int tid) const {
    std::vector<int> threads;
    for (; waits.contains(tid); tid = next(tid)) {
      if (std::find(threads.begin(), threads.end(), tid) != threads.end()) return std::nullopt;
      threads.push_back(tid);
    }
    return threads;
  }
  // The hold that is in the way of a thread, if it is soon over its limit: that of its lock, or the joined thread's oldest.
  const PlainHold* overdue(int tid) const {
    const PlainWait& wait = waits.at(tid);
    const PlainHold* found = nullptr;
    if (wait.lock != 0) {
      found = to_blame(wait.lock);
      return found != nullptr && found->is_soon_over ? found : nullptr;
    }
    for (const PlainHold& hold : holds)
      if (hold.tid == wait.joined && hold.is_soon_over && (found == nullptr || hold.since_ns < found->since_ns))
        found = &hold;
    return found;
  }
  // The first and the last such hold on the way, as far as all waits are certain.
  std::optional<std::pair<const PlainHold*, const PlainHold*>> blocker(int tid) const {
    if (!waits.contains(tid)) return std::nullopt;
    const auto threads = way(tid);
    if (!threads) return std::nullopt;
    std::vector<const PlainHold*> found;
    for (const int one : *threads) {
      if (next(one) == 0 || !waits.at(one).is_certain) break;
      if (const PlainHold* const hold = overdue(one)) found.push_back(hold);
    }
    if (found.empty()) return std::nullopt;
    return std::pair(found.front(), found.back());
  }
  bool is_for(int tid, uint64_t lock, const std::set<int>& holders) const {
    const PlainWait& wait = waits.at(tid);
    return wait.lock != 0 ? wait.lock == lock : holders.contains(wait.joined);
  }
  // The waiting threads up to the one that waits for the lock or the end of one of these holders; empty if there is none.
  std::vector<int> way_to(int tid, uint64_t lock, const std::set<int>& holders) const {
    const auto threads = way(tid);
    if (!threads) return {};
    const auto at = std::find_if(threads->begin(), threads->end(), [&](int one) { return is_for(one, lock, holders); });
    return at == threads->end() ? std::vector<int>() : std::vector<int>(threads->begin(), at + 1);
  }
  // The threads of the circle that the way leads into; none if it leads into none.
  std::vector<int> circle(int tid) const {
    std::vector<int> threads;
    for (; waits.contains(tid); tid = next(tid)) {
      const auto met = std::find(threads.begin(), threads.end(), tid);
      if (met != threads.end()) return {met, threads.end()};
      threads.push_back(tid);
    }
    return {};
  }
  // Whether the way leads to one of the locks, or to the end of one of the threads.
  bool leads_to_any(int tid, const std::set<uint64_t>& locks, const std::set<int>& threads) const {
    for (std::set<int> met; waits.contains(tid) && met.insert(tid).second; tid = next(tid)) {
      const PlainWait& wait = waits.at(tid);
      if (wait.lock != 0 ? locks.contains(wait.lock) : threads.contains(wait.joined)) return true;
    }
    return false;
  }
  bool holds_old(int tid) const {
    return std::any_of(holds.begin(), holds.end(),
                       [tid](const PlainHold& hold) { return hold.tid == tid && hold.since_ns <= kNewest; });
  }
};

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  // From 0 up to, and without, `end`.
  int below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(engine_); }
  bool one_in(int count) { return below(count) == 0; }

 private:
  std::mt19937 engine_;
};

// Trees, circles, rwlocks with several holders, holds of the same age, joins, locks whose holder is not known.
Plain random_graph(Random& random) {
  Plain graph;
  const int threads = 2 + random.below(14), locks = 1 + random.below(12);
  const bool in_order = random.one_in(2);  // then there are no circles
  std::map<int, int> rank;                 // of a lock: the highest of its holders
  for (int lock = 1; lock <= locks; ++lock) {
    for (int more = random.one_in(6) ? 0 : random.one_in(3) ? 1 + random.below(4) : 1; more > 0; --more) {
      const int tid = 1 + random.below(threads);
      const auto is_known = [&](const PlainHold& hold) { return hold.lock == uint64_t(lock) && hold.tid == tid; };
      if (std::any_of(graph.holds.begin(), graph.holds.end(), is_known)) continue;
      const uint64_t since_ns = uint64_t(1 + random.below(6)) * 100'000;
      graph.holds.push_back({uint64_t(lock), tid, since_ns, since_ns <= kNewest && !random.one_in(4)});
      rank[lock] = std::max(rank[lock], tid);
    }
  }
  for (int tid = 1; tid <= threads; ++tid) {
    if (random.one_in(4)) continue;
    PlainWait wait{uint64_t(1 + random.below(locks)), 0, uint64_t(1 + random.below(5)) * 100'000, !random.one_in(8)};
    if (random.one_in(5)) wait = {0, 1 + random.below(threads), wait.since_ns, true};
    const int before = wait.lock != 0 ? rank[static_cast<int>(wait.lock)] : wait.joined;
    if (wait.joined == tid || (in_order && before >= tid)) continue;
    graph.waits[tid] = wait;
  }
  return graph;
}

Known known(bool is_so) {
  return is_so ? Known::yes : Known::no;
}

// The same for the code that is tested, which gets all in any order.
void fill(WaitTrees& trees, const Plain& graph, Random& random) {
  trees.clear(kNow, kNewest);
  std::vector<TreeHold> holds;
  std::set<int> joined;
  std::vector<TreeWait> waits;
  for (const PlainHold& hold : graph.holds)
    holds.push_back({lock_at(hold.lock),
                     hold.tid,
                     {uint32_t(hold.tid), uint32_t(hold.lock), 1},
                     hold.since_ns,
                     known(hold.is_soon_over)});
  for (const auto& [tid, wait] : graph.waits) {
    waits.push_back({tid,
                     wait.lock == 0 ? LockWord() : lock_at(wait.lock),
                     wait.joined,
                     {uint32_t(tid), 0, 1},
                     wait.since_ns,
                     {},
                     0,
                     known(wait.is_certain)});
    if (wait.lock == 0) joined.insert(wait.joined);
  }
  for (const int tid : joined) holds.push_back({{}, tid, {uint32_t(tid), 0, 0}, 0});
  for (size_t i = 0; i < holds.size(); ++i)
    std::swap(holds[i], holds[i + static_cast<size_t>(random.below(static_cast<int>(holds.size() - i)))]);
  for (const TreeHold& hold : holds) trees.add_hold(hold);
  for (const TreeWait& wait : waits) trees.add_wait(wait);
  trees.find_paths();
}

bool is_same(const TreeHold& one, const PlainHold& other) {
  return one.lock.address() == lock_at(other.lock).address() && one.tid == other.tid;
}

struct Scene {
  std::unique_ptr<WaitTrees> trees = std::make_unique<WaitTrees>();
  std::unique_ptr<Timing> timing = std::make_unique<Timing>();
  Plain graph;

  // Whether holds of the same thread tie: then either may be named.
  bool is_the(const TreeHold& found, const PlainHold& expected) const {
    return is_same(found, expected) || (found.tid == expected.tid && found.since_ns == expected.since_ns);
  }

  bool has_right_blockers() const {
    for (int tid = 1; tid <= 16; ++tid) {
      WaitTrees::Blocker found;
      const bool any = trees->find_blocker(tid, *timing, &found);
      const auto expected = graph.blocker(tid);
      if (any != expected.has_value()) return false;
      if (any && !(is_the(found.first, *expected->first) && is_the(found.root, *expected->second))) return false;
    }
    return true;
  }

  // For each lock, with its holders: who is behind it, and the way to the farthest.
  bool has_right_trees() const {
    std::map<uint64_t, std::set<int>> locks;
    for (const PlainHold& hold : graph.holds) locks[hold.lock].insert(hold.tid);
    return std::all_of(locks.begin(), locks.end(),
                       [this](const auto& lock) { return has_right_tree(lock.first, lock.second); });
  }

  bool has_right_tree(uint64_t lock, const std::set<int>& threads) const {
    std::vector<HolderState> holders;
    for (const int tid : threads) holders.emplace_back().hold.tid = tid;
    std::vector<int> found;
    const WaitGoal goal{lock_at(lock), holders.data(), holders.size()};
    trees->for_each_behind(goal, *timing, [&](const TreeWait& wait) { found.push_back(wait.tid); });
    std::vector<int> expected;
    for (const auto& [tid, wait] : graph.waits)
      if (!graph.way_to(tid, lock, threads).empty()) expected.push_back(tid);
    std::sort(found.begin(), found.end());
    const Behind& described = trees->describe_behind(goal, *timing);
    return found == expected && is_right_front(described, lock, threads);
  }

  // Of several holders, only those are described who wait for the lock, or are behind the one that comes first.
  bool is_right_front(const Behind& described, uint64_t lock, const std::set<int>& threads) const {
    if (!threads.contains(described.front)) return false;
    size_t behind = 0;
    for (const auto& [tid, wait] : graph.waits)
      behind += wait.lock != lock && !graph.way_to(tid, lock, {described.front}).empty();
    return described.threads == behind && is_right_chain(described, lock, {described.front});
  }

  // For each circle: who is behind it, without its own threads; of those, some wait for a lock of the circle itself.
  bool has_right_circles() const {
    return std::all_of(graph.waits.begin(), graph.waits.end(),
                       [this](const auto& wait) { return has_right_circle(graph.circle(wait.first)); });
  }

  bool has_right_circle(const std::vector<int>& threads) const {
    if (threads.empty()) return true;
    std::vector<HolderState> holders;
    std::set<uint64_t> locks;
    for (const int tid : threads) {
      HolderState& holder = holders.emplace_back();
      holder.hold.tid = graph.next(tid);
      const uint64_t lock = graph.waits.at(tid).lock;
      if (lock != 0) holder.hold.word = lock_at(lock);
      locks.insert(lock);
    }
    const std::set<int> members(threads.begin(), threads.end());
    const WaitGoal goal{holders[0].hold.word, holders.data(), holders.size(), true};
    std::set<int> found, expected;
    trees->for_each_behind(goal, *timing, [&](const TreeWait& wait) { found.insert(wait.tid); });
    size_t behind = 0;
    for (const auto& [tid, wait] : graph.waits) {
      if (members.contains(tid) || !graph.leads_to_any(tid, locks, members)) continue;
      expected.insert(tid);
      behind += wait.lock == 0 || !locks.contains(wait.lock);
    }
    const Behind& described = trees->describe_behind(goal, *timing);
    return found == expected && described.threads == behind && described.step_count == 0;
  }

  // Of all ways, the chain is one from a thread that is farthest from the root; the steps are those of that way.
  bool is_right_chain(const Behind& described, uint64_t lock, const std::set<int>& threads) const {
    const auto distance = [&](int tid) { return graph.way(tid)->size() + (graph.holds_old(tid) ? 1 : 0); };
    size_t farthest = 0;
    for (const auto& [tid, wait] : graph.waits)
      if (!graph.way_to(tid, lock, threads).empty()) farthest = std::max(farthest, distance(tid));
    std::vector<int> chain;
    for (size_t i = described.step_count; i > 0; --i) chain.push_back(described.steps[i - 1].tid);
    for (const auto& [tid, wait] : graph.waits) {
      std::vector<int> way = graph.way_to(tid, lock, threads);
      if (way.empty() || distance(tid) != farthest) continue;
      if (!graph.holds_old(tid)) way.erase(way.begin());
      if (way == chain) return true;
    }
    return farthest == 0 && chain.empty();
  }
};

}  // namespace

TEST_CASE_METHOD(Scene, "random trees of waiting threads are as a plain walk finds them") {
  timing->set_limits({1'000'000, 1'000'000, 1'000'000});
  for (uint32_t seed = 1; seed <= 20'000; ++seed) {
    Random random(seed);
    graph = random_graph(random);
    fill(*trees, graph, random);
    INFO("seed " << seed);
    const bool blockers = has_right_blockers(), whole_trees = has_right_trees(), circles = has_right_circles();
    if (!blockers || !whole_trees || !circles) {
      CHECK(blockers);
      CHECK(circles);
      REQUIRE(whole_trees);
    }
  }
  CHECK(true);
}

TEST_CASE_METHOD(Scene, "who is behind a lock in two ways is counted once") {
  // 1 and 2 read; 2 joins 1; 3 wants to write, with a lock for which 4 waits.
  graph.holds = {{1, 1, 300'000, true}, {1, 2, 100'000, true}, {2, 3, 100'000, true}};
  graph.waits = {{2, {0, 1, 200'000, true}}, {3, {1, 0, 200'000, true}}, {4, {2, 0, 200'000, true}}};
  Random random(1);
  fill(*trees, graph, random);
  CHECK(has_right_tree(1, {1, 2}));
}

TEST_CASE_METHOD(Scene, "the chain ends with the reported holder, though that one waits itself") {
  // 2, whose hold is reported, waits for 1; 3, which joins 2, has a lock.
  graph.holds = {{1, 1, 100'000, false}, {2, 2, 200'000, true}, {3, 3, 300'000, true}};
  graph.waits = {{2, {1, 0, 200'000, true}}, {3, {0, 2, 300'000, true}}};
  Random random(1);
  fill(*trees, graph, random);
  const HolderState holder = [] {
    HolderState one{};
    one.hold.tid = 2;
    return one;
  }();
  const Behind& behind = trees->describe_behind({lock_at(2), &holder, 1}, *timing);
  REQUIRE(behind.step_count == 1);
  CHECK(behind.steps[0].tid == 3);
  CHECK(behind.steps[0].joins == 2);
}

TEST_CASE_METHOD(Scene, "without room for all, waits and holds are left out") {
  trees->clear(kNow, kNewest);
  for (size_t i = 0; i < WaitTrees::kMaxWaits + 1; ++i)
    CHECK(trees->add_wait({static_cast<int>(i + 1), lock_at(1), 0, {}, 1, {}, 0}) == (i < WaitTrees::kMaxWaits));
  for (size_t i = 0; i < WaitTrees::kMaxHolds + 1; ++i)
    CHECK(trees->add_hold({lock_at(i + 1), 1, {}, 1}) == (i < WaitTrees::kMaxHolds));
  trees->find_paths();
}
