// Which thread runs the initializer that another one waits for. Neither pthread_once's flag nor the guard of a static variable
// names it.
// Cold context only. Pure but for reading memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/code.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/waits/guarded_code.h"
#include "symbolizer/waits/innermost_functions.h"

namespace holdwatch {

// Of pthread_once and std::call_once: the thread that is inside pthread_once with the flag's address on that part of its stack,
// where libc keeps it for the case that the initializer is cancelled. Of a static variable: the thread that is inside a function,
// by whose code it has called __cxa_guard_acquire with this guard, and not yet __cxa_guard_release. It may wait for the
// initializer itself in a call further in, and then it waits forever.
class InitializerSearch {
 public:
  // All must outlive the search.
  InitializerSearch(const Wait& wait, const Modules& modules, MemoryReader& memory, Code& code,
                    const ResolveFrames& resolve)
      : wait_(wait),
        modules_(modules),
        memory_(memory),
        code_(code),
        resolve_(resolve),
        guarded_(wait.object, modules, memory, resolve) {}

  // To be called once for each thread that does not run.
  void add(const Snapshot& thread, const RawStack& stack);

  // Nothing if there is none, or more than one.
  std::optional<int> thread() const { return found_ == 0 || is_ambiguous_ ? std::nullopt : std::optional(found_); }

 private:
  bool is_inside_once(const RawStack& stack, bool waits) const;
  bool has_called_program(const RawStack& stack, uint32_t index) const;
  bool is_of_once(const RawStack& stack, uint32_t index, const Module& libc) const;
  bool is_inside_static(const RawStack& stack);
  bool is_between_guard_calls(uintptr_t return_address);

  const Wait& wait_;
  const Modules& modules_;
  MemoryReader& memory_;
  Code& code_;
  const ResolveFrames& resolve_;
  GuardedCode guarded_;
  std::map<uintptr_t, bool> known_;  // return addresses: most threads of a program wait in the same functions
  int found_ = 0;
  bool is_ambiguous_ = false;
};

}  // namespace holdwatch
