// One lock that a thread holds or waits for, as its record keeps it, and the noted callers of the lock call.
// Hot context: the owner's stores (thread_record.h says in which order). Cold: the watcher's loads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/base/clock_line.h"
#include "shim/common/contract/lock_call_note.h"

namespace holdwatch {

inline constexpr size_t kPackedSites = 8;
inline constexpr size_t kNotedWords = kPackedSites;

// The caller of a lock function: where the call returns to, and sp and rbp once it has.
struct Caller {
  uintptr_t pc, sp, bp;
};

// HeldSlot::at_release(): what the release has to check. Zero in a free slot and in nearly every hold. The low bits
// count acquisitions of the same lock that came after the slot's own and have no slot.
enum AtRelease : uint32_t {
  kUnsettled = 1u << 31,  // the site's kind has yet to be learnt
  kAgain = 1u << 30,      // the thread held the lock already: another level of the hold that began in an older slot
  kReleasedLevel =
      1u << 29,  // the hold's first level was released before later ones, which is why the slot is still in use
  kDepthMask = kReleasedLevel - 1
};

// HeldSlot::noted(): how many entries of the notes are call sites, how many are words of the stack instead, and whether
// there is a copy of the stack. Zero in a free slot and where the call site alone is enough.
enum Noted : uint32_t { kSitesMask = 0xff, kWordsShift = 8, kCopied = 1u << 16 };

// One cache line: all that a lock call writes, except the position of the next slot. at_release() and noted() share one
// word, so that the release of most holds, for which both are zero, loads it once.
struct alignas(kCacheLine) HeldSlot {
  std::atomic<uint64_t> word{0};      // LockWord; 0: free
  std::atomic<uint64_t> number{0};    // counts the uses of this slot: the identity of the hold or wait
  std::atomic<uint64_t> since_ns{0};  // tick at the acquisition (while it waits: before the call), 0: no watch yet
  std::atomic<uintptr_t> pc{0};
  std::atomic<uintptr_t> sp{0};
  std::atomic<uintptr_t> bp{0};
  std::atomic<uint64_t> notes{0};  // at_release() in its low half, above it noted()
  // Time stamp counter at the acquisition; valid with CLOCK=tsc. For another level of a held lock it is a return
  // address instead: see OwnerRecord::return_address_below.
  std::atomic<uint64_t> tsc{0};

  uint32_t at_release() const { return static_cast<uint32_t>(notes.load(std::memory_order_acquire)); }
  uint32_t noted() const { return static_cast<uint32_t>(notes.load(std::memory_order_acquire) >> kHalf); }
  // Owner only.
  void set_at_release(uint32_t value) {
    notes.store((notes.load(std::memory_order_relaxed) >> kHalf << kHalf) | value, std::memory_order_release);
  }
  void set_noted(uint32_t value) { notes.store(uint64_t{value} << kHalf | at_release(), std::memory_order_release); }

  uint32_t depth() const { return at_release() & kDepthMask; }
  bool is_released() const { return (at_release() & kReleasedLevel) != 0; }

 private:
  static constexpr int kHalf = 32;
};
static_assert(sizeof(HeldSlot) == kCacheLine);
static_assert(offsetof(HeldSlot, pc) == kLockCallNoteAt &&
              offsetof(HeldSlot, sp) == kLockCallNoteAt + offsetof(LockCallNote, sp) &&
              offsetof(HeldSlot, bp) == kLockCallNoteAt + offsetof(LockCallNote, bp));

// The callers' callers, in one of two forms. If frame pointers lead to them: the return address in the low 48 bits, and
// above it the distance of its stack pointer from the slot's `sp`, in words. Otherwise the words at sp + 8, sp + 24, sp
// + 40 ...: sp is a multiple of 16 at every call (System V ABI, section 3.2.2), so that every return address lies in
// such a word, and the unwind tables, with the slot's rbp, tell which one it is. Eight words reach just beyond the
// frame that std::lock for two mutexes has in gcc 14's code.
struct alignas(kCacheLine) CallerNotes {
  std::atomic<uint64_t> sites[kPackedSites] = {};
};
static_assert(sizeof(CallerNotes) == kCacheLine);

}  // namespace holdwatch
