// Which locks a frame of a stack will release: those that its thread has now, and that the frame is in charge of.
//
// Of a C++ guard it is proven: the landing pad for the frame's call releases what the guard has, and the pad can be followed with
// the registers of the frame. In C, a cleanup handler may be registered for a lock that the frame has not: there the code after the
// call must agree. Otherwise that may show it alone, which is likely only: it may depend on what the call returns.
// Cold context only; one thread at a time. Bounded in steps. Nothing is executed.
#pragma once

#include <cstdint>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/guards/code_paths.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/frame_step.h"

namespace holdwatch {

struct FrameLock {
  LockRef lock;
  bool is_proven;
  uint32_t times;             // how often it is released: of a lock that is held several times
  bool is_conditional;        // some path returns without releasing it
  uintptr_t released_at = 0;  // where the frame's call that releases it returns to; 0 if it is not known
};

// Where a frame is.
struct FramePlace {
  const RegisterSet& registers;
  bool is_in_library_call;                // of libc or the C++ library: not in code that may make a guard for the frame
  CallEffect call = CallEffect::unknown;  // what that call does, to `lock`
  LockRef lock{};
};

class FrameLocks {
 public:
  // All must outlive this object.
  FrameLocks(Code& code, CodePaths& paths, LockCalls& calls, MemoryReader& memory)
      : code_(code), paths_(paths), calls_(calls), memory_(memory) {}

  // To be called for the frames of one stack, innermost first.
  std::vector<FrameLock> find(const FramePlace& place);

  // Whether the address of a lock could not be told, in any frame so far, because a register was not known.
  bool lacks_registers() const { return lacks_registers_; }

  // Whether some frame so far is about to acquire a lock at an address that could not be told: it may be one that outer frames release.
  bool acquires_unknown() const { return acquires_unknown_; }

  // The conditions that the code ahead may signal, and the semaphores that it may post, in all frames so far; and whether there are
  // others whose addresses could not be told.
  const std::vector<uintptr_t>& signalled() const { return signalled_; }
  bool lacks_signalled() const { return lacks_signalled_; }

  // The same of a lock that the last frame will release; or of code that it goes to, which may release one.
  bool releases_unknown() const { return releases_unknown_; }
  bool may_release_unknown() const { return releases_unknown_ || leads_to_unknown_; }

  // The next stack. `takes_unsure`: no more registers will be known, so a lock whose release comes after a call that leads to
  // unknown code, which may be what acquires it, is likely held; else it is left out.
  void begin(bool takes_unsure) {
    takes_unsure_ = takes_unsure;
    under_way_.clear();
    doubtful_.clear();
    signalled_.clear();
    acquires_unknown_ = lacks_registers_ = lacks_signalled_ = false;
  }

 private:
  void note(const CodePaths::Found& found);
  Machine machine_of(const RegisterSet& registers) const;
  Locks find_guarded(const FramePlace& place, CodePaths::Found& found);
  Locks look_ahead(const FramePlace& place, const Machine& machine);
  bool is_c(const FramePlace& place);
  PathStart start_ahead(const FramePlace& place) const;
  static std::vector<FrameLock> released_ahead(const PathStart& start, const CodePaths::Found& found);
  void hold_back_unsure(const CodePaths::Found& ahead, std::vector<FrameLock>& found);
  void keep_under_way(const CodePaths::Found& found);

  Code& code_;
  CodePaths& paths_;
  LockCalls& calls_;
  MemoryReader& memory_;
  // What inner frames acquire, or are about to, and do not release: their callers may.
  Locks under_way_;
  // The same on paths that could not be followed to their return: whether their callers get it is not known.
  Locks doubtful_;
  bool acquires_unknown_ = false;
  bool takes_unsure_ = false;
  std::vector<uintptr_t> signalled_;
  bool lacks_registers_ = false, lacks_signalled_ = false;
  bool releases_unknown_ = false;
  bool leads_to_unknown_ = false;
};

}  // namespace holdwatch
