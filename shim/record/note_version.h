// Whether a note of several fields is being written: for notes that more than one thread may write, and any may read.
// Hot context: no call, no lock. A writer that finds the note being written does without: another thread is at it, or this one
// was interrupted there by the signal handler that it is in.
#pragma once

#include <atomic>
#include <cstdint>

namespace holdwatch {

class NoteVersion {
 public:
  bool is_being_written() const { return value_.load(std::memory_order_relaxed) % 2 != 0; }

  // False if it is being written. The fields that are stored until end_writing are atomic, and may be stored relaxed.
  bool begin_writing() {
    uint32_t value = value_.load(std::memory_order_relaxed);
    const bool may_write = value % 2 == 0 && value_.compare_exchange_strong(value, value + 1);
    if (may_write) std::atomic_thread_fence(std::memory_order_release);
    return may_write;
  }
  void end_writing() { value_.fetch_add(1, std::memory_order_release); }

  // Calls `load`, which loads the fields (relaxed). False if they may not belong together.
  template <typename Load>
  bool read(Load load) const {
    const uint32_t before = value_.load(std::memory_order_acquire);
    load();
    std::atomic_thread_fence(std::memory_order_acquire);
    return before % 2 == 0 && value_.load(std::memory_order_relaxed) == before;
  }

  // Changes with each writing.
  uint32_t value() const { return value_.load(std::memory_order_acquire); }

  // In the child after fork: a writer that does not exist any more will never end.
  void reset() { value_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> value_{0};  // odd: being written
};

}  // namespace holdwatch
