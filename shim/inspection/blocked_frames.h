// The frames of a thread that is blocked inside libc, from the system call outward, by libc's own unwind tables.
// Cold context (the watcher): calls nothing that waits, reads the stack without faulting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "shim/common/elf/unwind_entries.h"
#include "shim/inspection/task_files.h"

namespace holdwatch {

// A module whose functions may be on the way: libc, before glibc 2.34 libpthread. It stays loaded.
struct UnwoundModule {
  uintptr_t start = 0, end = 0;
  uintptr_t code_start = 0, code_end = 0;
  UnwindHeader header;
};

// The module that is loaded at `start`, as its program headers describe it.
UnwoundModule unwound_module_at(uintptr_t start);

class BlockedFrames {
 public:
  BlockedFrames(const SyscallFile& place, const UnwoundModule* modules, size_t module_count);

  // An address within the call that the frame is in.
  uintptr_t pc() const { return pc_ - 1; }

  // To the caller's frame. False if this frame is in no known module, or cannot be unwound.
  bool step();

 private:
  // Of the innermost functions of libc; a frame of theirs has some ten words.
  static constexpr size_t kWords = 160;

  const UnwoundModule* module_of(uintptr_t pc) const;
  std::optional<uintptr_t> word_at(uintptr_t address) const;
  bool find_bp(uintptr_t function);
  bool is_frame_of(uintptr_t bp, uintptr_t function) const;

  const UnwoundModule* modules_;
  size_t module_count_;
  uintptr_t pc_;  // where the frame goes on
  uintptr_t sp_;
  std::optional<uintptr_t> bp_;  // not known of the innermost frame
  uintptr_t words_[kWords];      // of the stack, from `start_` on
  uintptr_t start_;
  size_t word_count_;
};

}  // namespace holdwatch
