// What a call does to locks, by the name of the function that it leads to: also through a linkage stub that is not bound yet.
// Cold context only; one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "shim/common/contract/finding.h"
#include "symbolizer/guards/code_reader.h"
#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/waits/innermost_functions.h"

namespace holdwatch {

enum class CallEffect : uint8_t {
  unknown,   // nothing that matters here, or what the code of the function shows
  acquires,  // the lock at its first argument
  tries,     // the same, or fails: also when a timeout expires
  releases,
  waits,       // with the lock of a condition, which it releases and acquires again
  signals,     // the condition at its first argument; or posts the semaphore
  catches,     // an exception: the program's handler follows
  ends,        // does not return
  terminates,  // ends the process, because something is not as it must be
  cleans_up    // calls the cleanup handlers of a function in C that is unwound: its personality routine
};

struct CallTarget {
  CallEffect effect = CallEffect::unknown;
  LockKind kind = LockKind::mutex;  // of acquires, tries and releases
  uintptr_t entry = 0;              // the function's first instruction, if its code can be followed; else 0
  bool is_librarys = false;         // of libc or the C++ library: it makes no guards
};

class LockCalls {
 public:
  // All must outlive this object.
  LockCalls(const Modules& modules, MemoryReader& memory, CodeReader& code, const ResolveFrames& resolve)
      : modules_(modules), memory_(memory), code_(code), resolve_(resolve) {}

  const CallTarget& of(uintptr_t target);

  void forget() { known_.clear(); }

 private:
  CallTarget look_up(uintptr_t target);
  struct Binding {
    std::string name;
    uintptr_t function = 0;    // 0: in no module that may make guards
    bool is_librarys = false;  // then: in one of libc or the C++ library
  };
  uintptr_t slot_of(uintptr_t target);
  bool leads_to_loader(uintptr_t pc);
  Binding binding_of(uintptr_t slot, const Module& module);

  const Modules& modules_;
  MemoryReader& memory_;
  CodeReader& code_;
  const ResolveFrames& resolve_;
  std::unordered_map<uintptr_t, CallTarget> known_;
};

}  // namespace holdwatch
