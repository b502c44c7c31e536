// What the watcher passes to the reporter: one thing to report, as views. Nothing is captured or named yet.
// Cold context. A request's memory belongs to one of the two at a time: see ReportQueue.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/common/contract/finding.h"
#include "shim/handoff/behind.h"
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
  uint64_t wall_clock_ns;  // CLOCK_REALTIME
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
  Behind behind;  // of holds that last
  uint64_t behind_lost_ns;
  size_t behind_delayed;
  std::atomic<bool> first_line_written;  // its first line is written: whoever sets this writes it

  const LockTag& tag_of_holder(size_t index) const { return tags[is_cycle(event) ? index : 0]; }
  // How this report refers to the lock; a lock that it is not about is looked up in the registry.
  uint32_t id_of(LockWord lock) const;
};

// A ring of requests between one producer (the watcher) and one consumer (the reporter). Neither ever waits for the other.
class ReportQueue {
 public:
  bool start();  // false: no memory
  // The next request to fill, or null if the queue is full. `post` makes it visible to the reporter.
  ReportRequest* next_free();
  void post();
  // The oldest posted request, or null; `done` frees it.
  ReportRequest* oldest();
  void done();
  // Watcher only: the request that the reporter is working on, and those after it. It may be done with them meanwhile; they stay
  // readable until the watcher reuses them.
  template <typename Visit>
  void for_each_posted(Visit visit) {
    const uint32_t posted = posted_.load(std::memory_order_relaxed);
    for (uint32_t index = done_.load(std::memory_order_acquire); index != posted; ++index)
      visit(requests_[index % kRequests]);
  }
  bool idle() const;
  std::atomic<uint32_t>& posted_word() { return posted_; }
  // One that is never posted.
  ReportRequest& spare() { return requests_[kRequests]; }
  void reset() { posted_ = done_ = 0; }

 private:
  static constexpr uint32_t kRequests = 16;
  ReportRequest* requests_ = nullptr;
  std::atomic<uint32_t> posted_{0};  // written by the watcher, read by the reporter
  std::atomic<uint32_t> done_{0};    // written by the reporter, read by the watcher
};

// The one between the watcher and the reporter.
ReportQueue& report_queue();

}  // namespace holdwatch
