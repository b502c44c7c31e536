// Capstone without its other processors: in the archive of Capstone only their initializers refer to their tables, and the
// linker takes these instead. One of the tables is a megabyte that the loader would relocate in every process that is
// attached to. Weak, so that they give way where a version of Capstone refers to more of a processor; a name that is
// missing here costs memory only. None is ever called: code_reader.cpp asks for x86.
#include "symbolizer/guards/capstone.h"

#define HOLDWATCH_OTHER_PROCESSORS(PROCESSOR) \
  PROCESSOR(AArch64)                          \
  PROCESSOR(ARM)                              \
  PROCESSOR(BPF)                              \
  PROCESSOR(EVM)                              \
  PROCESSOR(M680X)                            \
  PROCESSOR(M68K)                             \
  PROCESSOR(MOS65XX)                          \
  PROCESSOR(Mips)                             \
  PROCESSOR(PPC)                              \
  PROCESSOR(RISCV)                            \
  PROCESSOR(SH)                               \
  PROCESSOR(Sparc)                            \
  PROCESSOR(SystemZ)                          \
  PROCESSOR(TMS320C64x)                       \
  PROCESSOR(TRICORE)                          \
  PROCESSOR(WASM)                             \
  PROCESSOR(XCore)

extern "C" {
#define HOLDWATCH_WITHOUT(name)                                    \
  [[gnu::weak]] cs_err name##_global_init(void*) {                 \
    return CS_ERR_ARCH;                                            \
  }                                                                \
  [[gnu::weak]] cs_err name##_option(void*, cs_opt_type, size_t) { \
    return CS_ERR_OPTION;                                          \
  }
HOLDWATCH_OTHER_PROCESSORS(HOLDWATCH_WITHOUT)
#undef HOLDWATCH_WITHOUT
}
