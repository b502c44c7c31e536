// One held lock, as a thread's record keeps it, and what is noted of the callers of the lock call.
// Hot context: the owner's stores (thread_record.h says in which order). Cold: the watcher's loads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/base/pulse.h"

namespace holdwatch {

inline constexpr size_t kPackedSites = 8;
inline constexpr size_t kNotedWords = kPackedSites - 1;

// The caller of a lock function: where the call returns to, and sp and rbp once it has.
struct Caller {
  uintptr_t pc, sp, bp;
};

// What HeldSlot::callers says of the rest of the slot.
enum Callers : uint32_t {
  kSitesMask = 0xff,     // so many entries of `sites` are call sites
  kWordsShift = 8,       // so many entries are words of the stack instead
  kUnsettled = 1 << 16,  // the site's kind is not known yet: the release is to learn it
  kCopied = 1 << 17      // copy_size holds: there is a copy of the stack
};

// Two cache lines.
struct alignas(kCacheLine) HeldSlot {
  std::atomic<uint64_t> word{0};      // LockWord; 0: free
  std::atomic<uint64_t> number{0};    // counts the acquisitions of this record: the identity of the hold
  std::atomic<uint64_t> since_ns{0};  // tick at the acquisition, 0: before the watch began
  std::atomic<uint64_t> tsc{0};       // time stamp counter at the acquisition, 0: not read
  std::atomic<uintptr_t> pc{0};
  std::atomic<uintptr_t> sp{0};
  std::atomic<uint32_t> depth{0};      // acquisitions beyond the first
  std::atomic<uint32_t> callers{0};    // bits of Callers
  std::atomic<uint32_t> copy_size{0};  // bytes of stack copied at the acquisition, see kCopied
  uint32_t reserved = 0;
  // The callers' callers, in one of two forms. Where frame pointers lead to them: the return address in the low 48 bits,
  // above them the distance of its stack pointer from `sp` in words. Else the words at sp + 8, sp + 24, sp + 40 ..., and
  // in the last entry rbp: a call is made with sp a multiple of 16 (System V ABI, section 3.2.2), so that every return
  // address lies in such a word, and the unwind tables tell which one it is.
  std::atomic<uint64_t> sites[kPackedSites] = {};
};
static_assert(sizeof(HeldSlot) == 2 * kCacheLine);

}  // namespace holdwatch
