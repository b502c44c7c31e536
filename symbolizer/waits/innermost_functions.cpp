// See innermost_functions.h.
#include "symbolizer/waits/innermost_functions.h"

#include <algorithm>
#include <string_view>

#include "symbolizer/waits/blocking_function.h"
#include "symbolizer/waits/exported_entry.h"
#include "symbolizer/waits/glibc_version.h"

namespace holdwatch {
namespace {

// What blocks is among these frames, even with libc's own wrappers and our hooks.
constexpr uint32_t kInnermost = 8;
constexpr std::string_view kLibraries[] = {"libc.so", "libc-2",   "libpthread", "libstdc++",
                                           "libc++",  "ld-linux", "ld-2.",      "libholdwatch"};

class Names {
 public:
  Names(const RawStack& stack, const Modules& modules, MemoryReader& memory, Code& code, const ResolveFrames& resolve)
      : stack_(stack),
        count_(std::min(stack.count, kInnermost)),
        modules_(modules),
        memory_(memory),
        code_(code),
        resolve_(resolve) {}

  std::vector<std::string> collect() {
    if (count_ == 0) return {};
    const uint32_t libraries = count_of_libraries();
    // Where libc is a library of its own, no other code can be its.
    if (libraries == 0 && glibc_of(modules_) == nullptr) add_frames(count_);
    add_frames(libraries);
    if (libraries > 0 && libraries < count_) {
      add_called(stack_.frames[libraries].pc);
      add_standard_templates(stack_.frames[libraries]);
    }
    return std::move(names_);
  }

 private:
  uint32_t count_of_libraries() const {
    const auto* const end = stack_.frames + count_;
    return static_cast<uint32_t>(
        std::find_if_not(stack_.frames, end,
                         [this](const RawFrame& frame) { return is_runtime_library(modules_.find(inside(frame))); }) -
        stack_.frames);
  }

  void add_frames(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      const RawFrame& at = stack_.frames[i];
      const std::vector<Frame> frames = resolve_(at.pc, at.pc_is_exact);
      for (const Frame& frame : frames) add(frame);
      const Module* const module = modules_.find(inside(at));
      if (frames.back().function.empty() && module != nullptr) add_entry(at, *module);
    }
  }

  void add_entry(const RawFrame& frame, const Module& module) {
    if (std::string name = exported_entry_of(frame, module, memory_, code_); !name.empty())
      names_.push_back(std::move(name));
  }

  void add_called(uintptr_t return_address) {
    const auto entry = code_.callee_entry(return_address);
    if (entry && is_runtime_library(modules_.find(*entry))) add(resolve_(*entry, true).back());
  }

  // std::atomic's wait and all that is built on it is compiled into the program, and libc++abi may be linked into it.
  void add_standard_templates(const RawFrame& caller) {
    for (const Frame& frame : resolve_(caller.pc, caller.pc_is_exact)) {
      if (frame.function.find("std::__") != std::string::npos || is_guard_function(frame.function)) add(frame);
    }
  }

  void add(const Frame& frame) {
    if (!frame.function.empty()) names_.push_back(frame.function);
  }

  const RawStack& stack_;
  uint32_t count_;
  const Modules& modules_;
  MemoryReader& memory_;
  Code& code_;
  const ResolveFrames& resolve_;
  std::vector<std::string> names_;
};

}  // namespace

bool is_runtime_library(const Module* module) {
  if (module == nullptr) return false;
  const std::string_view path = module->path;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return std::any_of(std::begin(kLibraries), std::end(kLibraries),
                     [name](std::string_view library) { return name.starts_with(library); });
}

std::vector<std::string> innermost_functions(const RawStack& stack, const Modules& modules, MemoryReader& memory,
                                             Code& code, const ResolveFrames& resolve) {
  return Names(stack, modules, memory, code, resolve).collect();
}

}  // namespace holdwatch
