// Condition waits. Most of them are idleness, and are only listed when that is asked for; a rule of SUPPRESS may ask for
// those that last longer than its limit.
// Cold context (watcher). Without such a rule it looks at nothing.
//
// Whether a rule asks for a wait is known only with the names of the functions on its stack. So the waits that have just
// passed the smallest limit of all rules are handed to the reporter, those for one condition together. It answers when
// it wants to hear of them again (handoff/wanted_reports.h), which may be never.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/record/view.h"
#include "shim/timing/timing.h"

namespace holdwatch {

class ConditionWaits {
 public:
  // Reports those that have passed the limit, again at 2x, 4x ... if it `repeats`, and their end. `take_number` returns
  // a new episode's number.
  template <typename TakeNumber>
  void look(const Timing& timing, bool repeats, TakeNumber take_number) {
    if (!begin_look()) return;
    look_for_new(timing);
    for (Batch& batch : batches_) {
      if (batch.state == State::is_new) batch.number = take_number();
      if (batch.state != State::free) follow(batch, timing, repeats);
    }
  }

  // When the next one can pass the limit, UINT64_MAX: never.
  uint64_t next_look_ns() const { return limit_ns_ == 0 ? UINT64_MAX : due_ns_; }
  void reset();

 private:
  static constexpr size_t kMaxBatches = 32;
  static constexpr size_t kMaxWaits = 64;

  enum class State : uint8_t { free, is_new, is_posted };

  struct TrackedWait {
    Identity identity;
    uint64_t started_ns;  // 0: it has ended
  };

  // Waits for one condition that passed the limit at the same look.
  struct Batch {
    State state;
    uint64_t number;
    LockWord mutex;
    uintptr_t word;  // of the condition, on which the threads sleep; 0: not known
    TrackedWait waits[kMaxWaits];
    size_t count;
    size_t left_out;
    uint64_t last_look_ns;
    uint64_t next_age_ns;
    bool is_wanted;    // at that age, whether reports are repeated or not
    uint64_t lost_ns;  // of those that have ended
  };

  bool begin_look();
  void look_for_new(const Timing& timing);
  bool add(const WaitView& wait, uint64_t started_ns);
  Batch* batch_for(const WaitView& wait);
  bool is_tracked(const Identity& identity) const;
  static uint64_t note_ends(Batch& batch, uint64_t now_ns);
  void follow(Batch& batch, const Timing& timing, bool repeats);
  bool post(const Batch& batch, Phase phase, const Timing& timing) const;

  Batch batches_[kMaxBatches] = {};
  uint64_t limit_ns_ = 0;  // 0: no rule asks for any
  uint64_t due_ns_ = 0;
  uint64_t passed_until_ns_ = 0;  // those that began until then have been looked at
};

// Has all condition waits listed. Returns how many there are; nothing is posted if there is none, or no room.
size_t report_condition_waits(const Timing& timing);

}  // namespace holdwatch
