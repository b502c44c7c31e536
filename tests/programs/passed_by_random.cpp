// Readers chosen at random, at places chosen at random, overtake a writer for as long as it is reported as waiting. Of each place
// no more holds, and no more threads, are reported than there were, and none that took the lock before the writer wanted it.
// RUN-ENV: HOLDWATCH_LIMIT=10s HOLDWATCH_WAIT_LIMIT=800ms
// EXPECT: places in truth
// EXPECT-JSON: [w["phase"] for w in waits][0] == "over" and waits[-1]["phase"] == "released" and count(event="hold") == 0
// EXPECT-JSON: all({s["at"]["function"] for s in w["passed_by"]["sites"]} <= truth.keys() for truth in [eval(re.search(r"places in truth: (.*)", stderr)[1])] for w in waits)
// EXPECT-JSON: all(s["holds"] <= truth[s["at"]["function"]][0] and s["threads"] <= truth[s["at"]["function"]][1] for truth in [eval(re.search(r"places in truth: (.*)", stderr)[1])] for w in waits for s in w["passed_by"]["sites"])
// EXPECT-JSON: len(waits[-1]["passed_by"]["sites"]) > 1
// EXPECT-JSON: waits[-1]["passed_by"]["holds"] > waits[0]["passed_by"]["holds"] > 3
#include <random>
#include <set>
#include <vector>

#include "tests/programs/harness.h"
using namespace harness;

pthread_rwlock_t list = PTHREAD_RWLOCK_INITIALIZER;  // prefers readers
constexpr int kReaders = 6;
std::atomic<int> turn{-1};
std::atomic<int> place{0};
std::atomic<int> taken{0};  // how often, by all
std::atomic<bool> may_release[kReaders];

// With something left to do after the call, which is then no jump.
OWN_FRAME void looks_up() {
  pthread_rwlock_rdlock(&list);
  asm volatile("");
}
OWN_FRAME void counts() {
  pthread_rwlock_rdlock(&list);
  asm volatile("");
}
OWN_FRAME void tries() {
  CHECK(pthread_rwlock_tryrdlock(&list) == 0);
}
struct Place {
  const char* name;
  void (*take)();
};
constexpr Place kPlaces[] = {{"looks_up()", looks_up}, {"counts()", counts}, {"tries()", tries}};

void read_when_told(int mine) {
  for (;;) {
    int told = turn;
    while (told != mine && told != kReaders) told = (std::this_thread::sleep_for(200us), turn.load());
    if (told == kReaders) return;
    kPlaces[place].take();
    turn = -1;
    ++taken;
    while (!may_release[mine]) std::this_thread::sleep_for(200us);
    may_release[mine] = false;
    pthread_rwlock_unlock(&list);
  }
}

int main() {
  std::vector<std::unique_ptr<Thread>> readers;
  for (int i = 0; i < kReaders; ++i) readers.push_back(std::make_unique<Thread>("reader", [i] { read_when_told(i); }));
  std::mt19937 random(20261130);
  const auto choose = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
  const auto take = [&](int reader, int where) {
    place = where;
    const int before = taken;
    turn = reader;
    while (taken == before) std::this_thread::sleep_for(100us);
  };
  take(0, 0);  // not one that passes anybody by
  Thread writer("writer", [] {
    pthread_rwlock_wrlock(&list);
    pthread_rwlock_unlock(&list);
  });
  if (is_watched()) writer.wait_until_blocked_on(list);
  int holds[std::size(kPlaces)] = {};
  std::set<int> threads[std::size(kPlaces)];
  int holder = 0;
  while (is_watched() && count_reports("wait still") == 0) {
    const int next = (holder + 1 + choose(kReaders - 1)) % kReaders;
    const int where = choose(std::size(kPlaces));
    take(next, where);
    ++holds[where];
    threads[where].insert(next);
    may_release[holder] = true;
    while (may_release[holder]) std::this_thread::sleep_for(100us);
    holder = next;
    std::this_thread::sleep_for(std::chrono::microseconds(choose(4000)));
  }
  may_release[holder] = true;
  turn = kReaders;
  await_report("wait released");
  std::fprintf(stderr, "places in truth: {");
  for (size_t i = 0; i < std::size(kPlaces); ++i)
    std::fprintf(stderr, "\"%s\": (%d, %zu), ", kPlaces[i].name, holds[i], threads[i].size());
  std::fprintf(stderr, "}\n");
}
