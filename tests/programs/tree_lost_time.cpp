// The time that a tree's threads have lost, of random trees whose threads begin to wait in a random order: each counts once, since
// it has been behind the lock, at most since that was taken. What it has waited for before is no loss to this tree. The root
// holds the lock itself, or holds none: then the lock's holder, who waits for it, is one of the tree's threads. Once it is over, all
// count that were in the tree while it lasted.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_WAIT_LIMIT=0
// EXPECT: 4 trees are as they were built
// EXPECT-JSON: all(event["tree"]["threads"] > 0 for event in still + released)
#include <algorithm>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

using Time = std::chrono::nanoseconds;  // of the wall clock, as in reports

Time now() {
  timespec time;
  ::clock_gettime(CLOCK_REALTIME, &time);
  return std::chrono::seconds(time.tv_sec) + Time(time.tv_nsec);
}

// Between which moments something began.
struct Began {
  Time earliest{}, latest{};
};

Began later(const Began& one, const Began& other) {
  return {std::max(one.earliest, other.earliest), std::max(one.latest, other.latest)};
}

// The number behind `key` in a line of JSON.
uint64_t number_after(const std::string& line, const std::string& key) {
  const size_t at = line.find(key);
  CHECK(at != std::string::npos);
  return std::strtoull(line.c_str() + at + key.size(), nullptr, 10);
}

Time time_of(const std::string& line) {
  const std::string key = "\"time\":\"";
  tm parts{};
  const char* rest = ::strptime(line.c_str() + line.find(key) + key.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  CHECK(rest != nullptr && *rest == '.');
  return std::chrono::seconds(::timegm(&parts)) +
         std::chrono::duration_cast<Time>(std::chrono::duration<double>(std::strtod(rest, nullptr)));
}

struct Tree {
  uint64_t threads = 0;
  Time lost{}, at{};
};

Tree tree_of(const std::string& line) {
  return {number_after(line, R"("tree":{"threads":)"),
          Time(number_after(line.substr(line.find(R"("tree":)")), R"("lost_ns":)")), time_of(line)};
}

// The last report in this phase of the hold by the thread with this name, of what was found after this time.
bool find_report(const std::string& phase, const std::string& name, Time after, std::string* line) {
  const std::string text = read_file(std::getenv("HOLDWATCH_JSON"));
  bool found = false;
  for (size_t start = 0, end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
    const std::string one = text.substr(start, end - start);
    const size_t holders = one.find(R"("holders":[)");
    const bool is_its = one.find(R"("phase":")" + phase) < holders &&
                        one.find(R"("thread":")" + name + '"', holders) < one.find(R"("mode")", holders);
    if (!is_its || time_of(one) <= after) continue;
    *line = one;
    found = true;
  }
  return found;
}

Tree await_tree(const std::string& phase, const std::string& name, Time after) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  std::string line;
  while (!find_report(phase, name, after, &line)) {
    CHECK(std::chrono::steady_clock::now() < give_up);
    pause_briefly();
  }
  return tree_of(line);
}

// A thread that has a lock of its own, and waits for that of another one once it may.
struct Node {
  std::mutex lock;
  Event has_lock, may_wait;
  size_t next;  // whose lock it waits for
  std::atomic<int64_t> begins{0};
  Began waits;  // since when it has waited for that
  std::unique_ptr<Thread> thread;
};

class Built {
 public:
  Built(uint32_t seed, bool joins) : random_(seed), joins_(joins) {
    name_ = (joins ? "joins " : "holds ") + std::to_string(seed);
    const size_t count = 3 + random_() % 8;
    for (size_t i = 0; i <= count; ++i) nodes_.push_back(std::make_unique<Node>());
    take_locks();
    begin_to_wait();
  }

  void check() {
    const Tree still = await_tree("still", name_, now());
    compare(still);
    release_.fire();
    const Tree released = await_tree("released", name_, still.at);
    CHECK(released.threads == still.threads);
    CHECK(released.lost >= still.lost);
    for (const auto& node : nodes_) node->thread->join();
  }

 private:
  // The root of the locks is the first one. If it joins another thread, that one is the root of all.
  void take_locks() {
    if (joins_) slow_ = std::make_unique<Thread>("slow", [this] { release_.wait(); });
    nodes_[0]->thread = std::make_unique<Thread>(name_.c_str(), [this] {
      const std::lock_guard guard(nodes_[0]->lock);
      nodes_[0]->has_lock.fire();
      if (!joins_) return release_.wait();
      nodes_[0]->begins = now().count();
      slow_->join();
    });
    held_.earliest = now();
    nodes_[0]->has_lock.wait();
    held_.latest = now();
    for (size_t i = 1; i < nodes_.size(); ++i) {
      nodes_[i]->next = random_() % i;
      nodes_[i]->thread = std::make_unique<Thread>("node", [this, i] {
        const std::lock_guard guard(nodes_[i]->lock);
        nodes_[i]->has_lock.fire();
        nodes_[i]->may_wait.wait();
        nodes_[i]->begins = now().count();
        const std::lock_guard wanted(nodes_[nodes_[i]->next]->lock);
      });
      nodes_[i]->has_lock.wait();
    }
    if (!joins_) return;
    nodes_[0]->thread->wait_until_blocked_in(SYS_futex);
    nodes_[0]->waits = {Time(nodes_[0]->begins.load()), now()};
  }

  // Those who wait for a thread that does not wait yet wait for that one alone.
  void begin_to_wait() {
    std::vector<size_t> order;
    for (size_t i = 1; i < nodes_.size(); ++i) order.push_back(i);
    std::shuffle(order.begin(), order.end(), random_);
    for (const size_t i : order) {
      std::this_thread::sleep_for(is_watched() ? 15ms : 0ms);
      nodes_[i]->may_wait.fire();
      nodes_[i]->thread->wait_until_blocked_on(nodes_[nodes_[i]->next]->lock);
      nodes_[i]->waits = {Time(nodes_[i]->begins.load()), now()};
    }
  }

  Began behind_since(size_t i) const { return i == 0 ? held_ : later(nodes_[i]->waits, behind_since(nodes_[i]->next)); }

  void compare(const Tree& found) const {
    const size_t count = nodes_.size() - 1;
    Time least{}, most{};
    for (size_t i = joins_ ? 0 : 1; i <= count; ++i) {
      const Began began = i == 0 ? nodes_[0]->waits : behind_since(i);
      least += found.at - began.latest;
      most += found.at + 1ms - began.earliest;  // a report's time has milliseconds
    }
    const bool is_right = found.threads == count + (joins_ ? 1 : 0) && found.lost <= most && found.lost >= least / 2;
    if (is_right) return;
    std::printf("%s: %zu of %zu threads lost %lld ns, not %lld to %lld\n", name_.c_str(),
                static_cast<size_t>(found.threads), count, static_cast<long long>(found.lost.count()),
                static_cast<long long>(least.count()), static_cast<long long>(most.count()));
    CHECK(is_right);
  }

  std::mt19937 random_;
  bool joins_;
  std::string name_;
  Event release_;
  Began held_;
  std::unique_ptr<Thread> slow_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace

int main() {
  if (!is_watched()) return 0;
  int trees = 0;
  for (uint32_t seed = 1; seed <= 2; ++seed) {
    for (const bool joins : {false, true}) {
      Built(seed, joins).check();
      ++trees;
    }
  }
  std::fprintf(stderr, "%d trees are as they were built\n", trees);
}
