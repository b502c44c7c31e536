// See call_sites.h.
#include "shim/record/call_sites.h"

#include <algorithm>

namespace holdwatch {

alignas(kCacheLine) std::array<std::atomic<uint64_t>, kSiteEntries> g_call_sites;

namespace {

constexpr uint64_t kAddressMask = (uint64_t{1} << 48) - 1;

std::atomic<uint64_t>& entry_of(uintptr_t pc, size_t neighbour) {
  return g_call_sites[(first_site_entry(pc) + neighbour) % kSiteEntries];
}

std::atomic<bool> g_every_site_is_noted{false};
// In the entry of a site that copies: until a report has shown whether the site needs copies.
constexpr uint64_t kOnTrial = uint64_t{1} << 54;
std::atomic<bool> g_trials_allowed{false};

SiteKind kind_in(uint64_t entry) {
  const uint64_t code = entry >> 48 & 0x3;
  return code == site_code(SiteKind::stays)    ? SiteKind::stays
         : code == site_code(SiteKind::unseen) ? SiteKind::unseen
                                               : static_cast<SiteKind>(code);
}

uint64_t seen_in(uint64_t entry) {
  return entry >> 56;
}

uint32_t links_in(uint64_t entry) {
  return entry >> 50 & 0xf;
}

bool is_settled(uint64_t entry) {
  const SiteKind kind = kind_in(entry);
  return kind == SiteKind::stays || kind == SiteKind::copies ||
         (kind == SiteKind::returns && seen_in(entry) >= kTrustedAfter);
}

// The new entry of a site that is not settled, given its present entry and what was learnt.
uint64_t after(uint64_t known, uintptr_t pc, SiteKind kind, uint32_t links) {
  if (kind == SiteKind::copies) return site_entry(pc, kind);
  const uint64_t seen = seen_in(known) + 1;
  if (kind == SiteKind::returns || (known != 0 && kind_in(known) == SiteKind::returns))
    return site_entry(pc, SiteKind::returns, std::max(links, links_in(known)), seen);
  if (seen < kTrustedAfter) return site_entry(pc, SiteKind::unseen, 0, seen);
  return site_entry(pc, SiteKind::stays) | (g_every_site_is_noted.load(std::memory_order_relaxed) ? kIsNoted : 0);
}

bool may_learn(uint64_t known, SiteKind kind) {
  if ((known & kOnTrial) != 0) return kind == SiteKind::copies;
  return !is_settled(known) || (kind > SiteKind::stays && kind_in(known) < kind);
}

// Stores `fresh` in the site's entry, or in a free one, if `wanted(known)` is true for its present value.
template <typename Wanted>
void replace_entry(uintptr_t pc, uint64_t fresh, Wanted wanted) {
  for (size_t neighbour = 0; neighbour < kSiteNeighbours; ++neighbour) {
    std::atomic<uint64_t>& entry = entry_of(pc, neighbour);
    uint64_t known = entry.load(std::memory_order_relaxed);
    if (known != 0 && (known & kAddressMask) != pc) continue;
    if (wanted(known)) entry.compare_exchange_strong(known, fresh, std::memory_order_relaxed);
    return;
  }
}

}  // namespace

void allow_trials(bool wanted) {
  g_trials_allowed.store(wanted, std::memory_order_relaxed);
}

void try_copies(uintptr_t pc) {
  if (!g_trials_allowed.load(std::memory_order_relaxed) || (pc & ~kAddressMask) != 0) return;
  replace_entry(pc, site_entry(pc, SiteKind::copies) | kOnTrial,
                [](uint64_t known) { return known == 0 || kind_in(known) != SiteKind::copies; });
}

void end_trial(uintptr_t pc) {
  replace_entry(pc, site_entry(pc, SiteKind::returns), [](uint64_t known) { return (known & kOnTrial) != 0; });
}

void note_every_site(bool wanted) {
  g_every_site_is_noted.store(wanted, std::memory_order_seq_cst);
  for (std::atomic<uint64_t>& entry : g_call_sites) {
    uint64_t known = entry.load(std::memory_order_relaxed);
    if (known != 0 && kind_in(known) == SiteKind::stays)
      entry.compare_exchange_strong(known, wanted ? known | kIsNoted : known & ~kIsNoted, std::memory_order_relaxed);
  }
}

void forget_half_of_sites(bool trusted) {
  constexpr uint64_t kSeen = uint64_t{0xff} << 56;
  if (g_every_site_is_noted.load(std::memory_order_relaxed)) return;
  for (std::atomic<uint64_t>& entry : g_call_sites) {
    uint64_t known = entry.load(std::memory_order_relaxed);
    const SiteKind kind = kind_in(known);
    if (known == 0 || kind == SiteKind::copies || (kind == SiteKind::stays && !trusted)) continue;
    const uint64_t fewer = kind == SiteKind::stays
                               ? site_entry(known & kAddressMask, SiteKind::unseen, 0, kTrustedAfter / 2)
                               : (known & ~kSeen) | seen_in(known) / 2 << 56;
    entry.compare_exchange_strong(known, fewer, std::memory_order_relaxed);
  }
}

Site site_of(uintptr_t pc) {
  for (size_t neighbour = 0; neighbour < kSiteNeighbours; ++neighbour) {
    const uint64_t entry = entry_of(pc, neighbour).load(std::memory_order_relaxed);
    if (entry != 0 && (entry & kAddressMask) == pc) return {kind_in(entry), is_settled(entry), links_in(entry)};
  }
  return {};
}

void note_site(uintptr_t pc, SiteKind kind, uint32_t links) {
  if ((pc & ~kAddressMask) != 0) return;
  for (size_t neighbour = 0; neighbour < kSiteNeighbours; ++neighbour) {
    std::atomic<uint64_t>& entry = entry_of(pc, neighbour);
    uint64_t known = entry.load(std::memory_order_relaxed);
    while (known == 0 || ((known & kAddressMask) == pc && may_learn(known, kind))) {
      if (entry.compare_exchange_weak(known, after(known, pc, kind, links), std::memory_order_relaxed)) return;
    }
    if ((known & kAddressMask) == pc) return;
  }
  if (kind == SiteKind::copies) entry_of(pc, 0).store(site_entry(pc, kind), std::memory_order_relaxed);
}

}  // namespace holdwatch
