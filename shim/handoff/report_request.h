// What the watcher passes to the reporter: one thing to report, as views. Nothing is captured or named yet.
// Cold context. A request's memory belongs to one of the two at a time: see ReportQueue.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/handoff/behind.h"
#include "shim/handoff/passed_holds.h"
#include "shim/inspection/lock_state.h"
#include "shim/record/ended_holds.h"
#include "shim/record/lock_registry.h"

namespace holdwatch {

// The lock call, condition wait or join that a holder is in itself, by its record.
struct OwnWait {
  LockWord lock;       // empty: the end of a thread, or no such wait
  Identity wait;       // of a join: its record, and its state instead of a slot's number
  uint64_t waited_ns;  // at least; 0: it is in none
};

struct ReportRequest {
  Event event;
  Phase phase;
  uint64_t episode;
  uint64_t posted_ns;      // CLOCK_MONOTONIC
  uint64_t until_ns;       // CLOCK_MONOTONIC: the moment up to which its durations count
  uint64_t wall_clock_ns;  // CLOCK_REALTIME at that moment
  uint64_t limit_ns;
  LockTag tags[kMaxHolders];         // of the lock; of a cycle: of each holder's lock
  int unclear_owner;                 // of a lock without a known holder (inferred_holds.h)
  LockState state;                   // released, late: holders as they were last seen, no waiters
  uint64_t started_ns[kMaxHolders];  // latest possible start of each holder's hold
  uint64_t held_ns[kMaxHolders];
  char names[kMaxHolders][kThreadNameSize];  // of the holders; empty: not known
  uint64_t holder_waits_ns[kMaxHolders];     // of a cycle: how long each has waited
  OwnWait own_waits[kMaxHolders];            // of a lock
  uint64_t waited_ns[kMaxWaiters];
  EndedHold* ended;  // released, late: what the releasing thread left, or null; the reporter returns it
  uint64_t lost_ns;
  size_t threads_delayed;
  Behind behind;                         // of holds, waits and deadlocks that last
  uint64_t behind_lost_ns;               // by those; once it is over, by all who have been
  PassedHolds passed;                    // of a wait
  size_t threads_seen;                   // all who were seen to wait, directly or through others
  std::atomic<bool> first_line_written;  // its first line is written: whoever sets this writes it

  const LockTag& tag_of_holder(size_t index) const { return tags[is_cycle(event) ? index : 0]; }
  // How this report refers to the lock; a lock that it is not about is looked up in the registry.
  uint32_t id_of(LockWord lock) const;
};

// Requests between one producer (the watcher) and one consumer (the reporter), in two rings. Neither ever waits for the other. Urgent
// ones are reported first, and have room of their own: a stall of hundreds of holds must not keep a deadlock waiting.
class ReportQueue {
 public:
  bool start();  // false: no memory
  // The next request to fill, or null if there is no room. `post` makes it visible to the reporter.
  ReportRequest* next_free(bool is_urgent = false);
  void post();
  // The posted request that is to be reported next, or null; `done` frees it. An urgent one may come before it in between.
  ReportRequest* oldest();
  void done(const ReportRequest& request);
  // Watcher only: the requests that the reporter is not done with. It may be done with them meanwhile; they stay readable until the
  // watcher reuses them.
  template <typename Visit>
  void for_each_posted(Visit visit) {
    for (Ring& ring : rings_) {
      const uint32_t posted = ring.posted.load(std::memory_order_relaxed);
      for (uint32_t index = ring.done.load(std::memory_order_acquire); index != posted; ++index) visit(ring.at(index));
    }
  }
  bool idle() const;
  std::atomic<uint32_t>& posted_word() { return posted_; }
  // One that is never posted.
  ReportRequest& spare() { return *spare_; }
  void reset();

 private:
  struct Ring {
    uint32_t size;
    ReportRequest* requests = nullptr;
    std::atomic<uint32_t> posted{0};  // written by the watcher, read by the reporter
    std::atomic<uint32_t> done{0};    // written by the reporter, read by the watcher

    ReportRequest& at(uint32_t index) { return requests[index % size]; }
    bool is_full() const {
      return posted.load(std::memory_order_relaxed) - done.load(std::memory_order_acquire) == size;
    }
    bool is_empty() const { return posted.load(std::memory_order_acquire) == done.load(std::memory_order_acquire); }
    bool has(const ReportRequest& request) const { return &request >= requests && &request < requests + size; }
  };

  Ring rings_[2] = {{8}, {16}};  // powers of two; the first one for what is urgent
  Ring* filling_ = nullptr;      // the one that next_free has looked into
  ReportRequest* spare_ = nullptr;
  std::atomic<uint32_t> posted_{0};  // to both; the reporter sleeps on it
};

// The one between the watcher and the reporter.
ReportQueue& report_queue();

}  // namespace holdwatch
