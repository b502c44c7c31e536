// What has been learnt about the program's call sites of lock functions: how much an acquisition there must note, so
// that its call stack can be reported later. If the frame that calls the lock function stays until the unlock, as with
// inlined guards, the call site alone is enough; if it returns earlier (an out-of-line std::mutex::lock, std::lock, a
// helper that returns with a lock held), its callers must be noted while they are still there.
// site_stays: hot context, one load. The rest is called a few times per site: no allocation, no lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/base/clock_line.h"

namespace holdwatch {

enum class SiteKind : uint64_t {
  unseen,   // too few holds from there have ended so far
  stays,    // the frame was still there at every unlock
  returns,  // it was gone at least once
  copies    // the noted callers were not enough for a report (STACKS=auto): copy the stack
};

// How many holds are observed before a site is trusted: a function may usually release the lock itself, and sometimes
// return with it held.
inline constexpr uint64_t kTrustedAfter = 64;

// A set of four neighbours is searched, the first of them in lock calls. Written with compare-and-swap by any thread
// that has learnt something, read by all; one entry describes a site completely, so it needs no ordering with other
// data.
inline constexpr size_t kSiteEntries = 4096;
inline constexpr size_t kSiteNeighbours = 4;
alignas(kCacheLine) [[gnu::visibility("hidden")]] extern std::array<std::atomic<uint64_t>, kSiteEntries> g_call_sites;

// The address in the low 48 bits, above them a code of the kind, which is 0 for `stays`: the entry of such a site is
// its address, and a lock call need only compare the two. Above the code the number of links, and for a site that is
// not settled yet the number of holds seen.
constexpr uint64_t site_code(SiteKind kind) {
  return kind == SiteKind::stays ? 0 : kind == SiteKind::unseen ? 1 : static_cast<uint64_t>(kind);
}
constexpr uint64_t site_entry(uintptr_t pc, SiteKind kind, uint64_t links = 0, uint64_t seen = 0) {
  return pc | site_code(kind) << 48 | links << 50 | seen << 56;
}

// The low bits of return addresses are as good a hash as any, and cost a lock call nothing.
constexpr size_t first_site_entry(uintptr_t pc) {
  return pc % kSiteEntries;
}

// May be false for a site that stays: if its first entry belongs to another site, and after note_every_site.
inline bool site_stays(uintptr_t pc) {
  return g_call_sites[first_site_entry(pc)].load(std::memory_order_relaxed) == pc;
}

// In an entry: no lock call may take the fast path.
inline constexpr uint64_t kIsNoted = uint64_t{1} << 55;

// What site_stays would return without note_every_site.
inline bool site_stays_if_noted(uintptr_t pc) {
  return g_call_sites[first_site_entry(pc)].load(std::memory_order_relaxed) == (pc | kIsNoted);
}

// While `wanted`, site_stays is false for every site, so that each acquisition takes the path that notes everything.
// Called by the watcher, and once before it starts; g_clock_line.extras must be set before.
void note_every_site(bool wanted);

// Halves the counts of sites that are not settled, so that a site settles only if many of its holds end between two
// calls; with `trusted`, sites that are known to stay have to prove it again. Watcher only.
void forget_half_of_sites(bool trusted);

// Whether try_copies does anything (STACKS=auto). Start context.
void allow_trials(bool wanted);

struct Site {
  SiteKind kind = SiteKind::unseen;
  bool is_settled = false;  // releases learn nothing more about it
  uint32_t links = 0;       // for a site that returns: callers, by frame pointers, up to a frame that stays; 0: unknown
};
Site site_of(uintptr_t pc);

// Notes the end of one hold, or what a report has shown. A kind is only ever replaced by a stronger one: stays,
// returns, copies. If the table is full, only `copies` is kept, in the place of another entry.
void note_site(uintptr_t pc, SiteKind kind, uint32_t links = 0);

// For a hold that will be reported and has ended in a frame outside all that was noted: from now on, stacks are copied
// at this site, on trial. The report decides: it notes `copies`, or ends the trial. Hot context too.
void try_copies(uintptr_t pc);
void end_trial(uintptr_t pc);

}  // namespace holdwatch
