// libholdwatch-decoder.so: Capstone for a process that is attached to. See symbolizer/guards/capstone.h.
#include "symbolizer/guards/capstone.h"

extern "C" [[gnu::visibility("default")]] const void* holdwatch_decoder() {
  return holdwatch::capstone();
}
