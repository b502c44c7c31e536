// Collects for a finding what only the live process has: the stacks of holders and waiters. Each is checked afterwards:
// it must still belong to the hold or wait that it was captured for.
// Cold context (reporter). Disturbs a thread only by capturing it.
#pragma once

#include "shim/common/contract/finding.h"
#include "shim/common/contract/symbolizer_api.h"
#include "shim/handoff/report_request.h"
#include "shim/reporter/stack_arena.h"

namespace holdwatch {

class StackCollector {
 public:
  bool start() { return arena_.start(); }
  // Null if there is no symbolizer: then a stack is only its innermost address.
  void use(const SymbolizerApi* api, void* self) {
    api_ = api;
    self_ = self;
  }

  // First the facts, for which no stack is read: fills `holders` and `waiters` from the request and returns how many
  // are still true. Holders are sorted by the length of the hold, longest first, those of a cycle in its order; for a
  // hold that has ended, only the holder whose data the releasing thread handed over, if it did.
  size_t describe_holders(const ReportRequest& request, Holder* holders);
  size_t describe_waiters(const ReportRequest& request, Waiter* waiters);

  // Then the stacks of those that were described. Each returns how many are still true; the others are dropped.
  size_t capture_holders(const ReportRequest& request, Holder* holders);
  size_t capture_waiters(const ReportRequest& request, Waiter* waiters);

  // Adds the readers of the request's rwlock that no record names, as far as their code shows them, to the `count` holders that
  // there are; returns how many there are then.
  size_t add_readers(const ReportRequest& request, Holder* holders, size_t count);

  // Describes the same holders and waiters again, whether they are still true or not.
  void describe_again(const ReportRequest& request, Holder* holders, Waiter* waiters) const;

  // What has passed by the thread that has waited longest.
  PassedBy describe_passed(const ReportRequest& request) const;
  // Adds where those holds were taken.
  void capture_passed(const ReportRequest& request, PassedBy* out);

  // The holder's stack, for a sample: as long as no other is captured. Null if it could not be captured. `seen_sp` as in
  // inspection/capture.h.
  const RawStack* capture_sample(const HoldView& hold, uintptr_t* seen_sp, ThreadState* state);

  void release() { arena_.clear(); }

 private:
  // Where a holder is: in `snapshot_`, or in the lock call that it waits in.
  struct Position {
    bool captured;
    bool waits;
    WaitView wait;
  };

  size_t describe_ended_holders(const ReportRequest& request, Holder* holders);
  bool capture_holder(const ReportRequest& request, size_t index, Holder* out);
  Position capture_position(const HoldView& hold, uintptr_t* seen_sp);
  RawStack* unwind(const Position& position, const HoldView& hold);
  bool has_stayed(const Position& position) const;
  void capture_now(Event event, const HoldView& hold, Holder* out);
  Snapshot at_wait(const WaitView& wait, uintptr_t stack_end) const;
  bool is_same_wait(const WaitView& wait) const;
  bool describe_activity(Holder* out);
  void add_readers(Wait* wait) const;
  void follow_wait(Holder* out);
  void find_holding_frame(const HoldView& hold, Holder* out);
  void capture_release(const EndedHold& ended, Holder* out);
  void capture_acquired(const HoldView& hold, Holder* out);
  void unwind_acquired(const HoldView& hold, const unsigned char* copy, size_t size, Holder* out);
  void capture_noted_callers(const HoldView& hold, Holder* out);
  RawStack* unwind_noted_callers(const HoldView& hold, const Period& when);
  bool capture_reader(const ReportRequest& request, const FoundReader& reader, Holder* out);
  void capture_poller(const WaitView& poll, Waiter* out);
  bool capture_waiter(const WaitView& wait, Waiter* out);
  bool capture_condition_wait(const WaitView& wait, bool names_condition, Waiter* out);
  uintptr_t condition_of_snapshot();
  RawStack* unwind(const Snapshot& snapshot);
  RawStack* unwind_unkept(const Snapshot& snapshot);

  const SymbolizerApi* api_ = nullptr;
  void* self_ = nullptr;
  StackArena arena_;
  // Which of the request's holders and waiters were described, in their order.
  size_t holders_[kMaxHolders] = {};
  size_t holder_count_ = 0;
  size_t waiters_[kMaxWaiters] = {};
  size_t waiter_count_ = 0;
  const RawStack* passed_places_[kMaxPassedPlaces] = {};
  Snapshot snapshot_{};
  unsigned char acquired_stack_[kStackCopySize] = {};
};

}  // namespace holdwatch
