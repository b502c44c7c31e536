// Who has a lock that no record of ours tells, because it was taken before the process was attached to, or past the hooks, and
// which function took it: found by what the frames of threads will release. And who goes on to signal.
// Cold context only (reporter thread). Does not affect the threads.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/guards/guard_search.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/waits/waiting_process.h"

namespace holdwatch {

// Those that are known anyway, and how often they have the lock together.
struct RecordedReaders {
  std::vector<int> tids;
  uint32_t holds;
};

class HoldersByCode {
 public:
  // The lock that a thread waits for; none if it waits for no mutex or rwlock.
  using LockAwaited = std::function<std::optional<LockRef>(const Snapshot& thread)>;

  // All must outlive this object. `look_at_modules` makes sure that the modules are those of this report; `lacks_names`: whether
  // `resolve` had no time for a module in it.
  HoldersByCode(Modules& modules, MemoryReader& memory, Unwinder& unwinder, const ResolveFrames& resolve,
                std::function<void()> look_at_modules, std::function<bool()> lacks_names)
      : modules_(modules),
        memory_(memory),
        unwinder_(unwinder),
        resolve_(resolve),
        look_at_modules_(std::move(look_at_modules)),
        lacks_names_(std::move(lacks_names)) {}

  // The processor time that each search may take; more after one that was cut short.
  void set_timeout(std::chrono::nanoseconds timeout) { timeout_ = timeout; }

  // See SymbolizerApi::find_readers.
  std::vector<FoundReader> find_readers(uintptr_t rwlock, const RecordedReaders& recorded, const LockAwaited& awaited);

  // See SymbolizerApi::find_holding_frame.
  std::optional<CallSite> find_holding_frame(const Snapshot& thread, const LockRef& lock, const LockAwaited& awaited);

  // See GuardSearch::may_signal; nothing without a decoder.
  std::optional<bool> may_signal(const Snapshot& thread, const LockRef& awaited, uintptr_t object);

  // Whether, since the last call, the time was over before what was asked for was found: another search will find more, for what
  // this one has found of threads that do not run is kept.
  bool take_cut_short();

  void forget() {
    searched_.clear();
    cut_short_.clear();
    times_timeout_ = 1;
  }

 private:
  // What was found of a thread: true until it runs.
  struct Searched {
    uint64_t switches;
    uintptr_t sp, ip;
    std::vector<GuardedLock> locks;
    std::vector<CallSite> calls;  // the frame that has each of them
  };

  // Null without a decoder (guards/capstone.h): then nothing is found.
  GuardSearch* begin_search();

  // Null if the thread has run, or if there was no time to search it.
  const Searched* look_at(const Snapshot& thread, const LockAwaited& awaited);

  Modules& modules_;
  MemoryReader& memory_;
  Unwinder& unwinder_;
  const ResolveFrames& resolve_;
  std::chrono::nanoseconds timeout_ = std::chrono::milliseconds(500);
  std::unique_ptr<GuardSearch> search_;
  std::map<int, Searched> searched_;   // by thread id
  std::map<int, unsigned> cut_short_;  // how often, with all the time for this thread
  unsigned times_timeout_ = 1;         // that the next search may take
  bool has_searched_ = false;          // a thread, in the time of this search
  bool is_cut_short_ = false;
  bool is_stale_ = false;  // the search knows calls by less than their names
  std::function<void()> look_at_modules_;
  std::function<bool()> lacks_names_;
};

}  // namespace holdwatch
