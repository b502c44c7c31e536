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
  const Locks guarded = find_guarded(place);
  // If an inner frame is about to acquire the lock and to return with it, it has released it before: an "unlock around a
  // call". Then the lock is not held now.
  for (const LockRef& lock : guarded) {
    const uint32_t times = times_in(guarded, lock), under_way = times_in(under_way_, lock);
    if (times > under_way) add(found, {lock, !contains(doubtful_, lock), times - under_way, false});
  }
  for (const FrameLock& lock : find_ahead(place)) add(found, lock);
  return found;
}

Locks FrameLocks::find_guarded(const FramePlace& place) {
  const Machine machine = machine_of(place.registers);
  if (!place.registers.ip_is_exact) {
    const uintptr_t call = place.registers.lookup_pc();
    const auto procedure = code_.procedure(call);
    if (const auto pad = procedure ? find_landing_pad(*procedure, call, memory_) : std::nullopt) {
      const CodePaths::Found found = paths_.follow_pad(machine, *pad);
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

std::vector<FrameLock> FrameLocks::find_ahead(const FramePlace& place) {
  PathStart start{machine_of(place.registers), place.registers[kRip]};
  start.max_depth = kDepthAhead;
  start.acquired = under_way_;
  if (place.call == CallEffect::acquires) {
    start.acquired.push_back(place.lock);
    start.machine.set(EncodedRegister::rax, 0);
  }
  const CodePaths::Found found = paths_.follow(start);
  note(found);
  lacks_signalled_ = lacks_signalled_ || found.lacks_signalled;
  signalled_.insert(signalled_.end(), found.signalled.begin(), found.signalled.end());

  std::vector<FrameLock> ahead;
  Locks left;
  for (const PathLocks& path : found.paths) {
    // What it releases could be what is under way, under an address that is not the right one yet.
    const bool releases_pending = std::none_of(start.acquired.begin(), start.acquired.end(),
                                               [&](const LockRef& lock) { return contains(path.acquired, lock); });
    for (const LockRef& lock : path.released) {
      if (releases_pending) add(ahead, {lock, false, times_in(path.released, lock), is_kept_by_some(found, lock)});
    }
    Locks& acquired = path.end == PathEnd::returned ? left : doubtful_;
    for (const LockRef& lock : path.acquired) {
      if (!contains(acquired, lock)) acquired.push_back(lock);
    }
  }
  std::erase_if(ahead, [&](const FrameLock& one) {
    return std::any_of(found.paths.begin(), found.paths.end(),
                       [&](const PathLocks& path) { return contains(path.acquired_first, one.lock); });
  });
  under_way_ = std::move(left);
  return ahead;
}

}  // namespace holdwatch
