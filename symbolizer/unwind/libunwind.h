// The functions of libunwind that are used, as a table: what always needs the library is linked with it
// (libunwind_linked.cpp); a command that needs it for only one task loads it when it gets there
// (tools/late_libunwind.cpp).
// Cold context only.
#pragma once

#include <libunwind-x86_64.h>

// Exported, but in no installed header; perf declares it the same way.
extern "C" int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t pc, unw_dyn_info_t* table,
                                                  unw_proc_info_t* info, int need_unwind_info, void* argument);

// Each name is as in libunwind's headers, without its prefix; UNW_OBJ adds the prefix of this processor.
#define HOLDWATCH_LIBUNWIND_FUNCTIONS(FUNCTION) \
  FUNCTION(create_addr_space)                   \
  FUNCTION(destroy_addr_space)                  \
  FUNCTION(set_caching_policy)                  \
  FUNCTION(flush_cache)                         \
  FUNCTION(dwarf_search_unwind_table)           \
  FUNCTION(init_remote)                         \
  FUNCTION(step)                                \
  FUNCTION(get_reg)                             \
  FUNCTION(is_signal_frame)

namespace holdwatch {

inline constexpr char kLibunwindFile[] = "libunwind-x86_64.so.8";

struct Libunwind {
#define HOLDWATCH_MEMBER(name) decltype(&UNW_OBJ(name)) name;
  HOLDWATCH_LIBUNWIND_FUNCTIONS(HOLDWATCH_MEMBER)
#undef HOLDWATCH_MEMBER
};

// Throws std::runtime_error, saying what to install, if the library is to be loaded late and is missing.
const Libunwind& libunwind();

}  // namespace holdwatch
