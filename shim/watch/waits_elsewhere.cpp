// See waits_elsewhere.h.
#include "shim/watch/waits_elsewhere.h"

#include <algorithm>

#include "shim/base/clock.h"
#include "shim/inspection/inference.h"
#include "shim/inspection/other_process.h"
#include "shim/inspection/ownership.h"
#include "shim/inspection/waiting_call.h"
#include "shim/inspection/whereabouts.h"

namespace holdwatch {
namespace {

constexpr uint64_t kGraceNs = 100'000'000;  // most waits are over by then; the same between two looks
constexpr uint64_t kShare = 100;            // at most one hundredth of the time
constexpr int kMaxSteps = 8;                // from process to process

uint64_t g_due_ns = 0;

// The lock that a thread of ours holds and that this one sleeps for, as it wants it; empty if there is none.
LockWord wanted_of_ours(const CycleSearch& search, const SleepElsewhere& sleep) {
  LockWord wanted;
  search.for_each_hold([&](const CycleHold& hold) {
    if (hold.lock.empty() || hold.identity == kUnrecorded) return;
    for (size_t i = 0; i < sleep.count; ++i)
      if (sleeps_for(sleep.calls[i], hold.lock) && is_process_shared(hold.lock))
        wanted = wanted_of(sleep.calls[i], hold.lock);
  });
  return wanted;
}

// The mutex that it sleeps for and that no thread of ours holds; empty if it is for no mutex.
LockWord wanted_mutex(const SleepElsewhere& sleep) {
  for (size_t i = 0; i < sleep.count; ++i) {
    const auto* const address = reinterpret_cast<const void*>(sleep.calls[i].call.arguments[0]);
    const LockWord mutex(address, LockKind::mutex, Access::exclusive);
    if (is_shared_mutex(mutex)) return mutex;
  }
  return {};
}

// Whether the thread that has this id in our own namespace waits for nothing that we share. Mostly so; to find out whether it is
// meant takes more.
bool waits_for_nothing_shared(int owner) {
  const int pid = process_of_thread(owner);
  return pid != 0 && sleep_of_thread(pid, owner).count == 0;
}

}  // namespace

WaitsElsewhere::WaitsElsewhere(const Timing& timing) : timing_(timing), is_due_(monotonic_ns() >= g_due_ns) {}

bool WaitsElsewhere::is_known(LockWord lock) const {
  return std::any_of(locks_, locks_ + count_, [lock](LockWord known) { return known.is_same_lock(lock); });
}

void WaitsElsewhere::consider(const WaitView& wait) {
  if (!is_due_ || count_ == kMax || wait.word.condition()) return;
  const uint64_t waited_ns = timing_.age_of(wait);
  if (waited_ns < kGraceNs || is_known(wait.word)) return;
  locks_[count_] = wait.word;
  waited_ns_[count_++] = waited_ns;
}

// From the owner of the lock to what it waits for itself, and on, until a thread of ours is met: by its record, or, where it took its
// lock before an attachment and nobody here waits for that, by the lock alone.
void WaitsElsewhere::follow(CycleSearch& search, LockWord lock, uint64_t waited_ns) {
  for (int step = 0; step < kMaxSteps && !lock.empty() && is_process_shared(lock); ++step) {
    LockWord held;
    const int owner = owner_of(lock, &held);
    if (owner == 0 || waits_for_nothing_shared(owner)) return;
    const OwnerPlace place = find_owner(owner, lock, timing_.now_ns() - waited_ns);
    if (place.where == Whereabouts::here && step > 0 && !is_refuted_owner(place, lock))
      return search.add_hold({held, place.tid, kUnrecorded, place});
    if (place.where != Whereabouts::elsewhere || place.pid == 0) return;
    const SleepElsewhere sleep = sleep_of_thread(place.pid, place.tid);
    const LockWord ours = wanted_of_ours(search, sleep);
    lock = ours.empty() ? wanted_mutex(sleep) : LockWord();
    if (ours.empty() && lock.empty()) return;
    search.add_hold({held, place.tid, kUnrecorded, place});
    search.add_wait(place.tid, ours.empty() ? lock : ours);
    waited_ns = 0;
  }
}

void WaitsElsewhere::add_edges(CycleSearch& search) {
  if (count_ == 0) return;
  const uint64_t began_ns = monotonic_ns();
  for (size_t i = 0; i < count_; ++i) follow(search, locks_[i], waited_ns_[i]);
  const uint64_t ended_ns = monotonic_ns();
  g_due_ns = ended_ns + std::max(kGraceNs, kShare * (ended_ns - began_ns));
}

}  // namespace holdwatch
