// The wait for another thread's end (pthread_join and the like) that a thread is in, as its record keeps it.
// Hot context: the owner's stores, straight-line. Any other thread may read at any time: a reader loads the state, the
// fields, then the state again, each with acquire (view_join in view.h); if the state shows a wait and is unchanged, all
// fields belong to that wait, because they are only written while the state shows none.
#pragma once

#include <atomic>
#include <cstdint>

namespace holdwatch {

class JoinNote {
 public:
  // Begins a wait; returns the state that identifies it for its end. `thread` is the pthread_t of the joined thread,
  // `pc` and `sp` are the caller's.
  uint64_t begin(uintptr_t thread, bool has_timeout, uint64_t since_ns, uintptr_t pc, uintptr_t sp) {
    const uint64_t number = (state_.load(std::memory_order_relaxed) / kNumber + 1) * kNumber;
    thread_.store(thread, std::memory_order_release);
    since_ns_.store(since_ns, std::memory_order_release);
    pc_.store(pc, std::memory_order_release);
    sp_.store(sp, std::memory_order_release);
    const uint64_t state = number | kWaits | (has_timeout ? kTimeout : 0);
    state_.store(state, std::memory_order_release);
    return state;
  }
  // Does nothing if another wait, or none, is noted: a signal handler that joins a thread during a join replaces it.
  void end(uint64_t state) {
    if (state_.load(std::memory_order_relaxed) == state) clear();
  }
  void clear() {
    const uint64_t state = state_.load(std::memory_order_relaxed);
    state_.store(state / kNumber * kNumber, std::memory_order_release);
  }

  uint64_t state() const { return state_.load(std::memory_order_acquire); }
  uintptr_t thread() const { return thread_.load(std::memory_order_acquire); }
  uint64_t since_ns() const { return since_ns_.load(std::memory_order_acquire); }
  uintptr_t pc() const { return pc_.load(std::memory_order_acquire); }
  uintptr_t sp() const { return sp_.load(std::memory_order_acquire); }

  static constexpr bool waits(uint64_t state) { return (state & kWaits) != 0; }
  static constexpr bool has_timeout(uint64_t state) { return (state & kTimeout) != 0; }

 private:
  static constexpr uint64_t kWaits = 1, kTimeout = 2, kNumber = 4;  // the rest counts the waits

  std::atomic<uint64_t> state_{0};
  std::atomic<uintptr_t> thread_{0};
  std::atomic<uint64_t> since_ns_{0};
  std::atomic<uintptr_t> pc_{0};
  std::atomic<uintptr_t> sp_{0};
};

}  // namespace holdwatch
