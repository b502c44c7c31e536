// Uses libunwind's remote interface with our own accessors: registers from a RegisterSet, memory through a
// MemoryReader.
// Cold context only.
#include "symbolizer/unwind/frame_step.h"

#include <new>

#include "symbolizer/unwind/libunwind.h"

namespace holdwatch {

namespace {

// In one step; real ones need some hundred. Bounds expressions that jump backwards forever.
constexpr unsigned kMaxAccesses = 20000;
// The registers that a function must preserve (System V ABI, section 3.2.1): only their values are still valid in the
// caller. The callee's frame does not show the caller's other registers.
constexpr uint32_t kCalleeSaved =
    1u << kRbx | 1u << kRbp | 1u << kR12 | 1u << kR13 | 1u << kR14 | 1u << kR15 | 1u << kRsp | 1u << kRip;

static_assert(UNW_X86_64_RBP == int{kRbp} && UNW_X86_64_R15 == int{kR15} && UNW_X86_64_RIP == int{kRip});

// The data of the current step, for the accessors.
struct PlannedStep {
  const Modules& modules;
  MemoryReader& memory;
  const RegisterSet& registers;
  const Module* module;
  unsigned accesses_left = kMaxAccesses;
  bool procedure_missing = false;
  unsigned needed_register = kRegisters;
};

int find_proc_info(unw_addr_space_t space, unw_word_t pc, unw_proc_info_t* info, int need_unwind_info, void* argument) {
  PlannedStep& step = *static_cast<PlannedStep*>(argument);
  std::optional<Procedure> procedure;
  if (step.module != nullptr) procedure = find_procedure(*step.module, step.memory, pc);
  if (!procedure) {
    step.procedure_missing = true;
    return -UNW_ENOINFO;
  }
  // A table with only the entry that was found and checked.
  unw_dyn_info_t table{};
  table.start_ip = procedure->start;
  table.end_ip = procedure->end;
  table.format = UNW_INFO_FORMAT_REMOTE_TABLE;
  table.u.rti.segbase = step.module->eh_frame_hdr;
  table.u.rti.table_data = procedure->table_entry;
  table.u.rti.table_len = 1;  // in words: one entry of two int32_t
  return libunwind().dwarf_search_unwind_table(space, pc, &table, info, need_unwind_info, argument);
}

void put_unwind_info(unw_addr_space_t, unw_proc_info_t*, void*) {}

int get_dyn_info_list_addr(unw_addr_space_t, unw_word_t*, void*) {
  return -UNW_ENOINFO;
}

// Tables and code are in the frame's module; everything else is stack.
int access_mem(unw_addr_space_t, unw_word_t address, unw_word_t* value, int is_write, void* argument) {
  PlannedStep& step = *static_cast<PlannedStep*>(argument);
  if (is_write != 0 || step.accesses_left == 0) return -UNW_EINVAL;
  --step.accesses_left;
  const bool constant = step.module != nullptr && step.module->contains(address);
  const size_t got = constant ? step.memory.read_constant(address, value, sizeof *value)
                              : step.memory.read(address, value, sizeof *value);
  return got == sizeof *value ? 0 : -UNW_EINVAL;
}

int access_reg(unw_addr_space_t, unw_regnum_t number, unw_word_t* value, int is_write, void* argument) {
  PlannedStep& step = *static_cast<PlannedStep*>(argument);
  if (is_write != 0 || number < 0 || number >= int{kRegisters}) return -UNW_EBADREG;
  const auto which = static_cast<Register>(number);
  if (!step.registers.knows(which)) {
    step.needed_register = which;
    return -UNW_EBADREG;
  }
  *value = which == kRip ? step.registers.lookup_pc() : step.registers[which];
  return 0;
}

int access_fpreg(unw_addr_space_t, unw_regnum_t, unw_fpreg_t*, int, void*) {
  return -UNW_EBADREG;
}
int resume(unw_addr_space_t, unw_cursor_t*, void*) {
  return -UNW_EINVAL;
}
int get_proc_name(unw_addr_space_t, unw_word_t, char*, size_t, unw_word_t*, void*) {
  return -UNW_ENOINFO;
}

// The caller's registers as libunwind computed them in a step.
RegisterSet registers_of(unw_cursor_t& cursor, uintptr_t ip, bool interrupted) {
  RegisterSet out;
  for (unsigned number = kRax; number < kRip; ++number) {
    if (!interrupted && (kCalleeSaved >> number & 1) == 0) continue;
    unw_word_t value = 0;
    if (libunwind().get_reg(&cursor, static_cast<unw_regnum_t>(number), &value) == 0) {
      out.set(static_cast<Register>(number), value);
    }
  }
  out.set(kRip, ip);
  out.ip_is_exact = interrupted;
  return out;
}

}  // namespace

struct FrameStepper::State {
  const Modules& modules;
  unw_accessors_t accessors{};
  unw_addr_space_t space = nullptr;

  explicit State(const Modules& the_modules) : modules(the_modules) {
    accessors.find_proc_info = find_proc_info;
    accessors.put_unwind_info = put_unwind_info;
    accessors.get_dyn_info_list_addr = get_dyn_info_list_addr;
    accessors.access_mem = access_mem;
    accessors.access_reg = access_reg;
    accessors.access_fpreg = access_fpreg;
    accessors.resume = resume;
    accessors.get_proc_name = get_proc_name;
    space = libunwind().create_addr_space(&accessors, 0);
    if (space == nullptr) throw std::bad_alloc();
    // Not per thread: then libunwind would share one cache among all address spaces of the thread.
    libunwind().set_caching_policy(space, UNW_CACHE_GLOBAL);
  }
  ~State() { libunwind().destroy_addr_space(space); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

FrameStepper::FrameStepper(const Modules& modules) : state_(std::make_unique<State>(modules)) {}
FrameStepper::~FrameStepper() = default;

void FrameStepper::forget() {
  libunwind().flush_cache(state_->space, 0, 0);
}

std::optional<Procedure> FrameStepper::procedure(uintptr_t pc, MemoryReader& memory) const {
  const Module* module = state_->modules.find(pc);
  return module == nullptr ? std::nullopt : find_procedure(*module, memory, pc);
}

// A return address is passed as the address before it. Since every frame has a cursor of its own, libunwind treats each
// address as exact, and its cache, whose key is the address alone, cannot mix up the two meanings of one address.
StepResult FrameStepper::step(RegisterSet& registers, MemoryReader& memory) {
  PlannedStep step{state_->modules, memory, registers, state_->modules.find(registers.lookup_pc())};
  StepResult result;
  unw_cursor_t cursor;
  if (libunwind().init_remote(&cursor, state_->space, &step) < 0) return result;

  const int status = libunwind().step(&cursor);
  if (step.procedure_missing) {
    result.outcome = Stepped::no_procedure;  // libunwind may have continued by guessing: discarded
    return result;
  }
  if (status < 0) {
    result.needed_register = step.needed_register;
    result.outcome = step.needed_register != kRegisters ? Stepped::unknown_register : Stepped::unreadable;
    return result;
  }
  result.was_signal_frame = libunwind().is_signal_frame(&cursor) > 0;
  unw_word_t cfa = 0;
  if (libunwind().get_reg(&cursor, UNW_X86_64_RSP, &cfa) == 0) result.cfa = cfa;
  if (status == 0) {
    result.outcome = Stepped::end;
    return result;
  }
  unw_word_t ip = 0;
  if (libunwind().get_reg(&cursor, UNW_REG_IP, &ip) < 0) return result;
  registers = registers_of(cursor, ip, result.was_signal_frame);
  result.outcome = Stepped::to_caller;
  return result;
}

}  // namespace holdwatch
