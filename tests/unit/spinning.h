// What the tests of capture have threads do: run, with something on the stack to be found, and on any stack.
#pragma once

#include <ucontext.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>

#include "shim/common/contract/finding.h"
#include "shim/inspection/local_memory.h"

namespace holdwatch {

inline constexpr uint64_t kMarker = 0x6d61726b65722121;

[[gnu::noinline]] inline void spin_until(const std::atomic<bool>& stop) {
  while (!stop) {
  }
}

// Has a marker on its stack for as long as it spins; above the stack pointer, because it is not a leaf.
[[gnu::noinline]] inline void spin_with_marker(const std::atomic<bool>& stop, std::atomic<uintptr_t>* where) {
  volatile uint64_t marker = kMarker;
  *where = reinterpret_cast<uintptr_t>(&marker);
  spin_until(stop);
  marker = 0;
}

inline bool copy_has(const Snapshot& snapshot, uintptr_t address, uint64_t value) {
  if (snapshot.copy == nullptr || address < snapshot.copy_address) return false;
  const size_t offset = address - snapshot.copy_address;
  return offset + sizeof value <= snapshot.copy_size && memcmp(snapshot.copy + offset, &value, sizeof value) == 0;
}

// As a coroutine does; returns when `body` has.
inline void run_on_stack(MemoryRange stack, const std::function<void()>& body) {
  static thread_local const std::function<void()>* t_body;
  t_body = &body;
  ucontext_t thread;
  ucontext_t coroutine;
  getcontext(&coroutine);
  coroutine.uc_stack = {reinterpret_cast<void*>(stack.start), 0, stack.end - stack.start};
  coroutine.uc_link = &thread;
  makecontext(
      &coroutine, [] { (*t_body)(); }, 0);
  swapcontext(&thread, &coroutine);
}

}  // namespace holdwatch
