// What was learnt of the program's call sites of lock functions: how much an acquisition there has to note, so that the
// stack that took the lock can be told later. Where the frame that calls the lock function stays until the unlock, as with
// inlined guards, the call site alone will do; where it returns (an out-of-line std::mutex::lock, std::lock, a helper
// that hands out a lock), its callers must be noted before they are gone.
// site_stays: hot context, one load. The rest is called a few times a site: no allocation, no lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace holdwatch {

enum class SiteKind : uint64_t {
  unseen,   // too few holds from there have ended yet
  stays,    // each time the frame was still there when the lock was given up
  returns,  // it was not
  copies    // the callers that were noted did not suffice for a report (STACKS=auto): copy the stack
};

// A function may give a lock up itself most times and hand it out at others: so many holds are seen before it is trusted.
inline constexpr uint64_t kTrustedAfter = 64;

// A set of four neighbours is searched, the first of them in lock calls. Written with compare-and-swap by any thread that
// has learnt something, read by all; an entry says all of a site, so that nothing else has to be ordered with it.
inline constexpr size_t kSiteEntries = 4096;
inline constexpr size_t kSiteNeighbours = 4;
[[gnu::visibility("hidden")]] extern std::array<std::atomic<uint64_t>, kSiteEntries> g_call_sites;

// The address in the low 48 bits, above them the kind, above it how many holds of an unseen site were seen to stay.
constexpr uint64_t site_entry(uintptr_t pc, SiteKind kind, uint64_t seen = 0) {
  return pc | static_cast<uint64_t>(kind) << 48 | seen << 56;
}

// Fibonacci hashing: the top bits of the product depend on all bits of the address.
constexpr size_t first_site_entry(uintptr_t pc) {
  return static_cast<size_t>((pc * 0x9E3779B97F4A7C15u) >> 52);
}
static_assert(kSiteEntries == size_t{1} << (64 - 52));

// May say no to a site that stays: where its first entry is another's.
inline bool site_stays(uintptr_t pc) {
  return g_call_sites[first_site_entry(pc)].load(std::memory_order_relaxed) == site_entry(pc, SiteKind::stays);
}

SiteKind site_kind(uintptr_t pc);

// Notes one hold's end, or what a report has shown. A site never goes back: copies beats returns beats stays. Where the table is full nothing is kept but `copies`, which
// takes another's place.
void note_site(uintptr_t pc, SiteKind kind);

}  // namespace holdwatch
