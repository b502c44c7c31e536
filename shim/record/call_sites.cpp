// See call_sites.h.
#include "shim/record/call_sites.h"

namespace holdwatch {

std::array<std::atomic<uint64_t>, kSiteEntries> g_call_sites;

namespace {

constexpr uint64_t kAddressMask = (uint64_t{1} << 48) - 1;

std::atomic<uint64_t>& entry_of(uintptr_t pc, size_t neighbour) {
  return g_call_sites[(first_site_entry(pc) + neighbour) % kSiteEntries];
}

// In an entry: no lock call may take the short way.
constexpr uint64_t kIsNoted = uint64_t{1} << 55;
std::atomic<bool> g_every_site_is_noted{false};

SiteKind kind_in(uint64_t entry) {
  const uint64_t code = entry >> 48 & 0x3;
  return code == site_code(SiteKind::stays)    ? SiteKind::stays
         : code == site_code(SiteKind::unseen) ? SiteKind::unseen
                                               : static_cast<SiteKind>(code);
}

// The entry of a site, given its present one and what was learnt.
uint64_t after(uint64_t known, uintptr_t pc, SiteKind kind) {
  if (kind != SiteKind::stays) return site_entry(pc, kind);
  const uint64_t seen = (known >> 56) + 1;
  if (seen < kTrustedAfter) return site_entry(pc, SiteKind::unseen, seen);
  return site_entry(pc, SiteKind::stays) | (g_every_site_is_noted.load(std::memory_order_relaxed) ? kIsNoted : 0);
}

}  // namespace

void note_every_site() {
  g_every_site_is_noted.store(true, std::memory_order_seq_cst);
  for (std::atomic<uint64_t>& entry : g_call_sites) {
    uint64_t known = entry.load(std::memory_order_relaxed);
    if (known != 0 && kind_in(known) == SiteKind::stays)
      entry.compare_exchange_strong(known, known | kIsNoted, std::memory_order_relaxed);
  }
}

SiteKind site_kind(uintptr_t pc) {
  for (size_t neighbour = 0; neighbour < kSiteNeighbours; ++neighbour) {
    const uint64_t entry = entry_of(pc, neighbour).load(std::memory_order_relaxed);
    if (entry != 0 && (entry & kAddressMask) == pc) return kind_in(entry);
  }
  return SiteKind::unseen;
}

void note_site(uintptr_t pc, SiteKind kind) {
  if ((pc & ~kAddressMask) != 0) return;
  for (size_t neighbour = 0; neighbour < kSiteNeighbours; ++neighbour) {
    std::atomic<uint64_t>& entry = entry_of(pc, neighbour);
    uint64_t known = entry.load(std::memory_order_relaxed);
    while (known == 0 || ((known & kAddressMask) == pc && kind_in(known) < kind)) {
      if (entry.compare_exchange_weak(known, after(known, pc, kind), std::memory_order_relaxed)) return;
    }
    if ((known & kAddressMask) == pc) return;
  }
  if (kind == SiteKind::copies) entry_of(pc, 0).store(site_entry(pc, kind), std::memory_order_relaxed);
}

}  // namespace holdwatch
