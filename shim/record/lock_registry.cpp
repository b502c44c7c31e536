// See lock_registry.h. Open addressing. One thread at a time changes the table; a thread that destroys a lock marks its
// entry as unused, and the entry is used again. A reader checks afterwards that everything it read belonged to one
// lock.
#include "shim/record/lock_registry.h"

#include <atomic>
#include <cstring>
#include <initializer_list>

#include "shim/base/clock_line.h"

namespace holdwatch {
namespace {

struct RegisteredLock {
  // Odd while the rest is being written. Readers load it before (acquire) and after what they read.
  std::atomic<uint32_t> version{0};
  std::atomic<uint32_t> id{0};
  std::atomic<uint32_t> made{0};               // counts entries: the smaller the number, the older the entry
  std::atomic<uint64_t> limit_plus_one_ns{0};  // 0: no limit of its own, so that the table starts as zero pages
  std::atomic<char> name[kLockNameSize] = {};
};

constexpr size_t kEntries = 16384;
constexpr int kIndexBits = 14;
static_assert(kEntries == size_t{1} << kIndexBits);
constexpr size_t kProbes = 64;
constexpr uintptr_t kCrossedOut = 1;  // not the address of a lock: a lock is several bytes long

// Apart from the entries, so that a search touches few cache lines. Stored (release) after the entry's content.
std::atomic<uintptr_t> g_addresses[kEntries];
RegisteredLock g_entries[kEntries];
std::atomic<uint32_t> g_last_id{0};
std::atomic<uint32_t> g_last_made{0};
std::atomic<bool> g_used{false};
std::atomic<bool> g_some_have_limits{false};  // limits of their own, including 0
std::atomic<uint64_t> g_smallest_limit_ns{UINT64_MAX};

// The right to change the table. A thread that cannot get it soon, because the owner is not running or was interrupted
// by this very signal handler, continues without it.
std::atomic<bool> g_is_changed{false};

enum class Attempts : int { none = 1, some = 1000 };

class Change {
 public:
  explicit Change(Attempts timeout) {
    for (int i = 0; i < static_cast<int>(timeout) && !may_; ++i) {
      may_ = !g_is_changed.exchange(true, std::memory_order_acquire);
      if (!may_) __builtin_ia32_pause();
    }
  }
  ~Change() {
    if (may_) g_is_changed.store(false, std::memory_order_release);
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  explicit operator bool() const { return may_; }

 private:
  bool may_ = false;
};

constexpr size_t kNowhere = kEntries;

size_t place(uintptr_t address, size_t probe) {
  const size_t start = static_cast<size_t>((address >> 3) * 0x9E3779B97F4A7C15u >> (64 - kIndexBits));
  return (start + probe) % kEntries;
}

size_t find(uintptr_t address) {
  for (size_t probe = 0; probe < kProbes; ++probe) {
    const size_t at = place(address, probe);
    const uintptr_t found = g_addresses[at].load(std::memory_order_acquire);
    if (found == address) return at;
    if (found == 0) break;
  }
  return kNowhere;
}

// Calls `read(entry)` for the lock's entry; false if there is none, or if it belonged to another lock or was changing.
template <typename Read>
bool read_entry(uintptr_t address, Read read) {
  constexpr int kTries = 4;
  for (int i = 0; i < kTries; ++i) {
    const size_t at = find(address);
    if (at == kNowhere) return false;
    const RegisteredLock& entry = g_entries[at];
    const uint32_t version = entry.version.load(std::memory_order_acquire);
    if (version % 2 != 0) continue;
    read(entry);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (entry.version.load(std::memory_order_relaxed) == version &&
        g_addresses[at].load(std::memory_order_relaxed) == address)
      return true;
  }
  return false;
}

void set_name(RegisteredLock& entry, const char* name, size_t length) {
  for (size_t i = 0; i < kLockNameSize; ++i)
    entry.name[i].store(i < length ? name[i] : '\0', std::memory_order_relaxed);
}

// What is replaced if there is no room: first locks without a name or limit, then the oldest.
bool goes_before(size_t a, size_t b) {
  const auto was_set = [](size_t at) {
    return g_entries[at].name[0].load(std::memory_order_relaxed) != '\0' ||
           g_entries[at].limit_plus_one_ns.load(std::memory_order_relaxed) != 0;
  };
  if (was_set(a) != was_set(b)) return was_set(b);
  return g_entries[a].made.load(std::memory_order_relaxed) < g_entries[b].made.load(std::memory_order_relaxed);
}

size_t place_for(uintptr_t address) {
  size_t best = place(address, 0);
  for (size_t probe = 0; probe < kProbes; ++probe) {
    const size_t at = place(address, probe);
    if (g_addresses[at].load(std::memory_order_relaxed) <= kCrossedOut) return at;
    if (goes_before(at, best)) best = at;
  }
  return best;
}

// Calls `change(entry)` for the lock's entry, which is created if there is none. False if that is not possible now.
template <typename Write>
bool change_entry(uintptr_t address, Attempts timeout, Write write) {
  const Change change(timeout);
  if (!change) return false;
  g_used.store(true, std::memory_order_relaxed);
  const size_t known = find(address);
  const size_t at = known != kNowhere ? known : place_for(address);
  RegisteredLock& entry = g_entries[at];
  if (known == kNowhere) g_addresses[at].store(kCrossedOut, std::memory_order_relaxed);
  const uint32_t version = entry.version.load(std::memory_order_relaxed);
  entry.version.store(version + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  if (known == kNowhere) {
    entry.id.store(0, std::memory_order_relaxed);
    entry.made.store(g_last_made.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    entry.limit_plus_one_ns.store(0, std::memory_order_relaxed);
    set_name(entry, "", 0);
  }
  write(entry);
  entry.version.store(version + 2, std::memory_order_release);
  if (known == kNowhere) g_addresses[at].store(address, std::memory_order_release);
  return true;
}

void read_tag(const RegisteredLock& entry, LockTag* tag) {
  tag->id = entry.id.load(std::memory_order_relaxed);
  size_t length = 0;
  while (length < kLockNameSize - 1 && (tag->name[length] = entry.name[length].load(std::memory_order_relaxed)) != 0)
    ++length;
  tag->name[length] = '\0';
}

uint32_t next_id() {
  return g_last_id.fetch_add(1, std::memory_order_relaxed) + 1;
}

LockTag known_or_new_tag(uintptr_t address, Attempts timeout) {
  LockTag tag{};
  if (read_entry(address, [&](const RegisteredLock& entry) { read_tag(entry, &tag); }) && tag.id != 0) return tag;
  const bool changed = change_entry(address, timeout, [&](RegisteredLock& entry) {
    if (entry.id.load(std::memory_order_relaxed) == 0) entry.id.store(next_id(), std::memory_order_relaxed);
    read_tag(entry, &tag);
  });
  return changed ? tag : LockTag{next_id(), ""};
}

}  // namespace

LockTag lock_tag(uintptr_t address) {
  return known_or_new_tag(address, Attempts::some);
}

LockTag lock_tag_at_once(uintptr_t address) {
  return known_or_new_tag(address, Attempts::none);
}

uint32_t lock_id(uintptr_t address) {
  return lock_tag(address).id;
}

void refresh_lock_name(uintptr_t address, LockTag& tag) {
  LockTag now{};
  if (read_entry(address, [&](const RegisteredLock& entry) { read_tag(entry, &now); }) && now.id == tag.id) tag = now;
}

void set_lock_name(uintptr_t address, const char* name) {
  change_entry(address, Attempts::some,
               [&](RegisteredLock& entry) { set_name(entry, name, strnlen(name, kLockNameSize - 1)); });
}

uint64_t lock_limit_ns(uintptr_t address, uint64_t usual_ns) {
  if (!g_some_have_limits.load(std::memory_order_relaxed)) return usual_ns;
  uint64_t specific_ns = kUsualLimit;
  const bool known = read_entry(address, [&](const RegisteredLock& entry) {
    specific_ns = entry.limit_plus_one_ns.load(std::memory_order_relaxed) - 1;  // if it has none: kUsualLimit
  });
  return !known || specific_ns == kUsualLimit ? usual_ns : specific_ns;
}

// The only other writer is the watcher, which then computes the smallest limit again.
static void lower(std::atomic<uint64_t>& value, uint64_t to) {
  if (to < value.load(std::memory_order_relaxed)) value.store(to, std::memory_order_relaxed);
}

void set_lock_limit_ns(uintptr_t address, uint64_t limit_ns) {
  const bool changed = change_entry(address, Attempts::some, [&](RegisteredLock& entry) {
    entry.limit_plus_one_ns.store(limit_ns + 1, std::memory_order_relaxed);
  });
  if (changed) g_some_have_limits.store(true, std::memory_order_relaxed);
  if (!changed || limit_ns == 0) return;  // 0: never reported, nothing to look for earlier
  for (const Access access : {Access::exclusive, Access::shared}) {
    const auto at = static_cast<size_t>(access);
    lower(g_clock_line.limit_ns[at], limit_ns);
    lower(g_clock_line.hand_over_ns[at], limit_ns / 4);  // see Timing::set_limits
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
  const size_t at = find(address);
  if (at == kNowhere) return;
  g_addresses[at].compare_exchange_strong(address, kCrossedOut, std::memory_order_release, std::memory_order_relaxed);
}

void lock_registry_after_fork() {
  g_is_changed.store(false, std::memory_order_relaxed);
}

}  // namespace holdwatch
