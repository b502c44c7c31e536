// Gathers for a finding what only the live process can tell: the stacks of holders and waiters, each checked afterwards to
// belong still to the hold or wait it was captured for.
// Cold context (reporter). Nothing here disturbs a thread beyond what capture does.
#pragma once

#include "shim/base/plain.h"
#include "shim/watch/job.h"
#include "shim/watch/stack_arena.h"
#include "symbolizer/api.h"

namespace holdwatch {

class Evidence {
 public:
  bool start() { return arena_.start(); }
  // Null: no symbolizer, so that a stack is but its innermost address.
  void use(const SymbolizerApi* api, void* self) {
    api_ = api;
    self_ = self;
  }

  // Fills `holders` and `waiters` from the job; returns how many are (still) true. `holders` come longest hold first, those
  // of a circle in its order.
  size_t gather_holders(const Job& job, Holder* holders);
  size_t gather_waiters(const Job& job, Waiter* waiters);
  // Of what has ended: from what the releasing thread left, if it did.
  size_t gather_ended_holders(const Job& job, Holder* holders);

  void give_back() { arena_.give_back(); }

 private:
  bool capture_holder(const Job& job, size_t index, Holder* out);
  void capture_now(Event event, const HoldView& hold, Holder* out);
  void capture_release(const HandedOver& ended, Holder* out);
  void capture_acquired(const HoldView& hold, Holder* out);
  void capture_noted_callers(const HoldView& hold, Holder* out);
  bool capture_waiter(const Job& job, size_t index, Waiter* out);
  RawStack* unwind(const Snapshot& snapshot);
  RawStack* unwind_unkept(const Snapshot& snapshot);

  const SymbolizerApi* api_ = nullptr;
  void* self_ = nullptr;
  StackArena arena_;
  Snapshot snapshot_{};
  unsigned char acquired_stack_[kStackCopySize] = {};
};

}  // namespace holdwatch
