// See frame_locks.h.
#include "symbolizer/guards/frame_locks.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "symbolizer/guards/exception_table.h"

namespace holdwatch {
namespace {

constexpr unsigned kDepthAhead = 8;  // of calls: without optimization a guard is released by calls in calls

constexpr std::pair<Register, EncodedRegister> kGeneral[] = {
    {kRax, EncodedRegister::rax}, {kRdx, EncodedRegister::rdx}, {kRcx, EncodedRegister::rcx},
    {kRbx, EncodedRegister::rbx}, {kRsi, EncodedRegister::rsi}, {kRdi, EncodedRegister::rdi},
    {kRbp, EncodedRegister::rbp}, {kRsp, EncodedRegister::rsp}, {kR8, EncodedRegister::r8},
    {kR9, EncodedRegister::r9},   {kR10, EncodedRegister::r10}, {kR11, EncodedRegister::r11},
    {kR12, EncodedRegister::r12}, {kR13, EncodedRegister::r13}, {kR14, EncodedRegister::r14},
    {kR15, EncodedRegister::r15}};

uint32_t times_in(const Locks& locks, const LockRef& lock) {
  return static_cast<uint32_t>(std::count(locks.begin(), locks.end(), lock));
}

bool is_kept_by_some(const CodePaths::Found& found, const LockRef& lock) {
  return std::any_of(found.paths.begin(), found.paths.end(), [&](const PathLocks& path) {
    return path.end == PathEnd::returned && !contains(path.released, lock);
  });
}

bool any_returns(const CodePaths::Found& found) {
  return std::any_of(found.paths.begin(), found.paths.end(),
                     [](const PathLocks& path) { return path.end == PathEnd::returned; });
}

// How often the frame can have a lock, by what the code does from here on: where that acquires the lock before it releases it, a later
// release may be that of what it has acquired. So a handler that releases a lock which is not acquired yet proves nothing, nor
// does a guard whose lock has been released temporarily. Only paths that return count; if none returns, all do.
uint32_t most_held(const LockRef& lock, const PathStart& start, const CodePaths::Found& found) {
  const bool some_return = any_returns(found);
  uint32_t most = UINT32_MAX;
  for (const PathLocks& path : found.paths) {
    if (some_return && path.end != PathEnd::returned) continue;
    if (contains(start.acquired, lock) || contains(path.acquired_first, lock))
      most = std::min(most, times_in(path.released, lock));
  }
  return most;
}

// What unwinding would release is released by the code that returns as well; or it ends only by unwinding.
bool agrees(const CodePaths::Found& ahead, const LockRef& lock) {
  return any_returns(ahead) ? !is_kept_by_some(ahead, lock) : ahead.is_complete;
}

// On a path that could not be followed to its end, for instance because it acquires a lock that is not known.
bool may_acquire_where_lost(const CodePaths::Found& ahead, const LockRef& lock) {
  return std::any_of(ahead.paths.begin(), ahead.paths.end(), [&](const PathLocks& path) {
    return path.end == PathEnd::lost && !contains(path.released, lock);
  });
}

// In code that the path comes to before it releases the lock, and of which it is not known which it is.
bool may_acquire_in_unknown(const CodePaths::Found& ahead, const LockRef& lock) {
  return std::any_of(ahead.paths.begin(), ahead.paths.end(), [&](const PathLocks& path) {
    if (!path.released_before_unknown) return false;
    const auto known = path.released.begin() + static_cast<ptrdiff_t>(*path.released_before_unknown);
    return std::find(path.released.begin(), known, lock) == known;
  });
}

void add(std::vector<FrameLock>& found, const FrameLock& lock) {
  const auto known =
      std::find_if(found.begin(), found.end(), [&](const FrameLock& one) { return one.lock == lock.lock; });
  if (known == found.end())
    found.push_back(lock);
  else
    known->times = std::max(known->times, lock.times);
}

}  // namespace

// After a call only what a function preserves is still what it was in the frame.
Machine FrameLocks::machine_of(const RegisterSet& registers) const {
  Machine machine(memory_);
  for (const auto& [which, encoded] : kGeneral) {
    if (registers.knows(which)) machine.set(encoded, registers[which]);
  }
  if (!registers.ip_is_exact) machine.forget_caller_saved();
  return machine;
}

void FrameLocks::note(const CodePaths::Found& found) {
  lacks_registers_ = lacks_registers_ || found.lacks_registers;
  releases_unknown_ = releases_unknown_ || found.releases_unknown;
  leads_to_unknown_ = leads_to_unknown_ || found.leads_to_unknown;
}

std::vector<FrameLock> FrameLocks::find(const FramePlace& place) {
  std::vector<FrameLock> found;
  releases_unknown_ = leads_to_unknown_ = false;
  CodePaths::Found pad;
  const Locks guarded = find_guarded(place, pad);
  const PathStart start = start_ahead(place);
  const CodePaths::Found ahead = paths_.follow(start);
  note(ahead);
  lacks_signalled_ = lacks_signalled_ || ahead.lacks_signalled;
  signalled_.insert(signalled_.end(), ahead.signalled.begin(), ahead.signalled.end());
  const bool must_agree = !guarded.empty() && is_c(place);
  for (const LockRef& lock : guarded) {
    if ((must_agree && !agrees(ahead, lock)) || may_acquire_where_lost(ahead, lock)) continue;
    const uint32_t times = std::min(times_in(guarded, lock), most_held(lock, start, ahead));
    if (times != 0) add(found, {lock, true, times, false, place_of_release(pad, lock)});
  }
  for (const FrameLock& lock : released_ahead(start, ahead)) add(found, lock);
  hold_back_unsure(ahead, found);
  // An inner frame may acquire it before it comes to this release: an "unlock around a call", or the wait of a condition. Nobody
  // knows that of one which acquires a lock at an unknown address, or is lost afterwards.
  std::erase_if(found, [this](const FrameLock& one) { return acquires_unknown_ || contains(doubtful_, one.lock); });
  keep_under_way(ahead);
  return found;
}

void FrameLocks::hold_back_unsure(const CodePaths::Found& ahead, std::vector<FrameLock>& found) {
  std::erase_if(found, [&](FrameLock& one) {
    if (!may_acquire_in_unknown(ahead, one.lock)) return false;
    lacks_registers_ = true;
    one.is_proven = false;
    return !takes_unsure_;
  });
}

Locks FrameLocks::find_guarded(const FramePlace& place, CodePaths::Found& found) {
  const Machine machine = machine_of(place.registers);
  if (!place.registers.ip_is_exact) {
    const uintptr_t call = place.registers.lookup_pc();
    const auto procedure = code_.procedure(call);
    if (const auto pad = procedure ? find_landing_pad(*procedure, call, memory_) : std::nullopt) {
      found = paths_.follow_pad(machine, *pad);
      note(found);
      return released_by_all(found);
    }
  }
  return place.is_in_library_call || place.registers.ip_is_exact ? look_ahead(place, machine) : Locks{};
}

// A call that never throws, such as pthread_mutex_lock, has no landing pad. The next one has: of std::mutex::lock, the one that
// throws if there was an error. Between the two the frame makes no call, so its guards are the same.
Locks FrameLocks::look_ahead(const FramePlace& place, const Machine& machine) {
  PathStart start{machine, place.registers[kRip]};
  start.looks_at_pads = start.stops_at_call = true;
  const bool is_lock_call = place.call == CallEffect::acquires || place.call == CallEffect::tries;
  if (!place.registers.ip_is_exact && is_lock_call) start.machine.set(EncodedRegister::rax, EDEADLK);
  const CodePaths::Found found = paths_.follow(start);
  note(found);
  if (!found.is_complete) return {};
  Locks proven;
  for (const PathLocks& path : found.paths) {
    for (const LockRef& lock : path.guarded) {
      const bool is_everywhere = std::all_of(found.paths.begin(), found.paths.end(), [&](const PathLocks& other) {
        return contains(other.guarded, lock) || contains(other.released, lock);
      });
      if (is_everywhere && !contains(proven, lock)) proven.push_back(lock);
    }
  }
  return proven;
}

// A guard of C++ knows whether it has its lock. In C a cleanup handler is called either way: pthread_cleanup_push(unlock, &lock) may come
// before the lock is taken, and pthread_cleanup_pop(0) may remove it without a call.
bool FrameLocks::is_c(const FramePlace& place) {
  const uintptr_t personality = code_.personality(place.registers.lookup_pc());
  return personality != 0 && calls_.of(personality).effect == CallEffect::cleans_up;
}

PathStart FrameLocks::start_ahead(const FramePlace& place) const {
  PathStart start{machine_of(place.registers), place.registers[kRip]};
  start.max_depth = kDepthAhead;
  start.acquired = under_way_;
  if (place.call == CallEffect::acquires) {
    start.acquired.push_back(place.lock);
    start.machine.set(EncodedRegister::rax, 0);
  }
  return start;
}

std::vector<FrameLock> FrameLocks::released_ahead(const PathStart& start, const CodePaths::Found& found) {
  std::vector<FrameLock> ahead;
  for (const PathLocks& path : found.paths) {
    // What it releases could be what is under way, under an address that is not the right one yet.
    const bool releases_pending = std::none_of(start.acquired.begin(), start.acquired.end(),
                                               [&](const LockRef& lock) { return contains(path.acquired, lock); });
    for (const LockRef& lock : path.released) {
      if (releases_pending)
        add(ahead,
            {lock, false, times_in(path.released, lock), is_kept_by_some(found, lock), place_of_release(found, lock)});
    }
  }
  std::erase_if(ahead, [&](const FrameLock& one) {
    return std::any_of(found.paths.begin(), found.paths.end(),
                       [&](const PathLocks& path) { return contains(path.acquired_first, one.lock); });
  });
  return ahead;
}

// Where a path has released the lock before it acquires it, its callers had it and get it back. Where it acquires the lock first,
// whatever it does later, they may have been left without it.
void FrameLocks::keep_under_way(const CodePaths::Found& found) {
  const bool some_return = any_returns(found);
  under_way_.clear();
  for (const PathLocks& path : found.paths) {
    for (const LockRef& lock : path.acquired_first) {
      if (!contains(doubtful_, lock)) doubtful_.push_back(lock);
    }
    if (path.end == PathEnd::ended && some_return) continue;
    Locks& acquired = path.end == PathEnd::returned ? under_way_ : doubtful_;
    for (const LockRef& lock : path.acquired) {
      if (!contains(acquired, lock) && !contains(path.released, lock)) acquired.push_back(lock);
    }
  }
  acquires_unknown_ = acquires_unknown_ || found.acquires_unknown || !found.is_complete;
}

}  // namespace holdwatch
