// See lock_book.h. Open addressing; an entry's address is claimed by compare-and-swap and stays, its contents are reset.
#include "shim/record/lock_book.h"

#include <atomic>
#include <cstring>

#include "shim/base/pulse.h"

namespace holdwatch {
namespace {

struct Entry {
  std::atomic<uintptr_t> address{0};
  std::atomic<uint32_t> id{0};
  std::atomic<uint64_t> limit_plus_one_ns{0};  // 0: no limit of its own, so that the table starts as zero pages
  // Read while it may be written, one character at a time: a report can show a mixture of two names, and nothing worse.
  std::atomic<char> name[kLockNameSize] = {};
};

constexpr size_t kEntries = 4096;
constexpr size_t kProbes = 64;
Entry g_entries[kEntries];
std::atomic<uint32_t> g_last_id{0};
std::atomic<bool> g_used{false};
std::atomic<uint64_t> g_smallest_limit_ns{UINT64_MAX};

// The entry of `address`; made if it is not there and `make`; null if there is none or no room.
Entry* entry_of(uintptr_t address, bool make) {
  const size_t start = static_cast<size_t>((address >> 3) * 0x9E3779B97F4A7C15u >> 52);
  for (size_t probe = 0; probe < kProbes; ++probe) {
    Entry& entry = g_entries[(start + probe) % kEntries];
    uintptr_t found = entry.address.load(std::memory_order_acquire);
    if (found == address) return &entry;
    if (found != 0) continue;
    if (!make) return nullptr;
    g_used.store(true, std::memory_order_relaxed);
    if (entry.address.compare_exchange_strong(found, address, std::memory_order_acq_rel) || found == address)
      return &entry;
  }
  return nullptr;
}

}  // namespace

uint32_t lock_id(uintptr_t address) {
  Entry* entry = entry_of(address, true);
  if (entry == nullptr) return g_last_id.fetch_add(1, std::memory_order_relaxed) + 1;
  uint32_t id = entry->id.load(std::memory_order_acquire);
  if (id != 0) return id;
  const uint32_t fresh = g_last_id.fetch_add(1, std::memory_order_relaxed) + 1;
  return entry->id.compare_exchange_strong(id, fresh, std::memory_order_acq_rel) ? fresh : id;
}

void lock_name(uintptr_t address, char (&out)[kLockNameSize]) {
  const Entry* entry = entry_of(address, false);
  size_t length = 0;
  if (entry != nullptr)
    while (length < kLockNameSize - 1 && (out[length] = entry->name[length].load(std::memory_order_relaxed)) != 0)
      ++length;
  out[length] = 0;
}

void set_lock_name(uintptr_t address, const char* name) {
  Entry* entry = entry_of(address, true);
  if (entry == nullptr) return;
  const size_t length = strnlen(name, kLockNameSize - 1);
  for (size_t i = 0; i < kLockNameSize; ++i)
    entry->name[i].store(i < length ? name[i] : '\0', std::memory_order_relaxed);
}

uint64_t lock_limit_ns(uintptr_t address, uint64_t usual_ns) {
  if (g_smallest_limit_ns.load(std::memory_order_relaxed) == UINT64_MAX) return usual_ns;
  const Entry* entry = entry_of(address, false);
  const uint64_t own_ns = entry == nullptr ? kUsualLimit : entry->limit_plus_one_ns.load(std::memory_order_relaxed) - 1;
  return own_ns == kUsualLimit ? usual_ns : own_ns;
}

void set_lock_limit_ns(uintptr_t address, uint64_t limit_ns) {
  Entry* entry = entry_of(address, true);
  if (entry == nullptr) return;
  entry->limit_plus_one_ns.store(limit_ns + 1, std::memory_order_relaxed);
  if (limit_ns == 0) return;  // never reported: nothing to look for earlier
  for (auto& hand_over_ns : g_pulse.hand_over_ns) {
    const uint64_t early_ns = limit_ns - limit_ns / 4;
    if (early_ns < hand_over_ns.load(std::memory_order_relaxed))
      hand_over_ns.store(early_ns, std::memory_order_relaxed);
  }
  uint64_t smallest_ns = g_smallest_limit_ns.load(std::memory_order_relaxed);
  while (limit_ns < smallest_ns && !g_smallest_limit_ns.compare_exchange_weak(smallest_ns, limit_ns)) {
  }
}

uint64_t smallest_lock_limit_ns() {
  return g_smallest_limit_ns.load(std::memory_order_relaxed);
}

void forget_lock(uintptr_t address) {
  if (!g_used.load(std::memory_order_relaxed)) return;
  Entry* entry = entry_of(address, false);
  if (entry == nullptr) return;
  entry->id.store(0, std::memory_order_relaxed);
  entry->limit_plus_one_ns.store(0, std::memory_order_relaxed);
  for (auto& character : entry->name) character.store('\0', std::memory_order_relaxed);
}

}  // namespace holdwatch
