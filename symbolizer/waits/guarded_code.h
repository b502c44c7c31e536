// Which code of a function runs the initializer of one of its static variables: what lies, on every way that leads there, between
// the calls of __cxa_guard_acquire and __cxa_guard_release for this guard.
// Cold context only; bounded. Nothing is executed. A function may have several such variables, whose initializers compilers place
// in any order, and away from the calls that acquire their guards.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "symbolizer/unwind/function_code.h"
#include "symbolizer/unwind/known_registers.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/waits/innermost_functions.h"

namespace holdwatch {

class GuardedCode {
 public:
  // All must outlive this object.
  GuardedCode(uintptr_t guard, const Modules& modules, MemoryReader& memory, const ResolveFrames& resolve)
      : guard_(guard), memory_(memory), resolve_(resolve), code_(modules, memory) {}

  // Whether the call before `return_address` is part of the initializer. The one that acquires the guard is not: its thread waits,
  // or has just been given the guard.
  bool contains_call(uintptr_t return_address);

 private:
  struct State {
    KnownRegisters registers{};
    bool has_guard = false;
  };
  void reach(uintptr_t pc, const State& state);
  void run();
  void run_block(uintptr_t start);
  void pass_call(uintptr_t next, const Instruction& call, State& state);

  const uintptr_t guard_;
  MemoryReader& memory_;
  const ResolveFrames& resolve_;
  FunctionCode code_;
  uintptr_t return_address_ = 0;
  bool is_inside_ = false;
  std::map<uintptr_t, State> states_;  // at the start of each block that has been reached
  std::vector<uintptr_t> pending_;
  size_t steps_left_ = 0;
};

}  // namespace holdwatch
