// The few system services that several folders need: address space, sleeping on a word, ids.
// Cold context (start, watcher, reporter); no libc allocation, no lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace holdwatch {

inline constexpr size_t kPageSize = 4096;  // on x86-64, the only supported processor

// Address space that costs memory only where it is touched; null if there is none. Never freed.
void* reserve_memory(size_t size);

// Frees the pages of a reserved range; they read as zero afterwards.
void release_pages(void* start, size_t size);

// Moves our descriptors to numbers that no program relies on; close-on-exec. One that cannot be moved stays.
void move_away(int* descriptors, size_t count);

// Sleeps until `*word` is woken, no longer holds `expected`, or `timeout_ns` have passed. May return early.
void sleep_on(std::atomic<uint32_t>& word, uint32_t expected, uint64_t timeout_ns);
void wake(std::atomic<uint32_t>& word);

}  // namespace holdwatch
