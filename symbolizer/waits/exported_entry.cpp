// See exported_entry.h.
#include "symbolizer/waits/exported_entry.h"

#include "shim/common/elf/dynamic_table.h"
#include "symbolizer/waits/blocking_function.h"

namespace holdwatch {
namespace {

// In one version of glibc or another the internal function is called as well, or has become a part of the exported one.
constexpr const char* kEndInAJump[] = {"pthread_once",
                                       "call_once",
                                       "sem_wait",
                                       "sem_timedwait",
                                       "sem_clockwait",
                                       "pthread_join",
                                       "thrd_join",
                                       "pthread_mutex_lock",
                                       "pthread_timedjoin_np",
                                       "pthread_clockjoin_np",
                                       "pthread_mutex_timedlock",
                                       "pthread_mutex_clocklock",
                                       "pthread_barrier_wait"};

}  // namespace

std::string exported_entry_of(const RawFrame& frame, const Module& module, MemoryReader& memory, Code& code) {
  const ConstantMemory source{memory};
  const DynamicTable table = find_dynamic_table(source, module.start, module.bias);
  std::string found;
  for (const char* name : kEndInAJump) {
    Elf64_Sym symbol;
    if (!find_exported_symbol(source, table, name, &symbol)) continue;
    if (code.match_target(module.bias + symbol.st_value, frame.pc, frame.pc_is_exact) != CallMatch::proven) continue;
    if (!found.empty() && blocking_function({found}) != blocking_function({name})) return "";
    if (found.empty()) found = name;
  }
  return found;
}

}  // namespace holdwatch
