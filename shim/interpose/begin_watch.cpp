// See begin_watch.h.
#include "shim/interpose/begin_watch.h"

#include "shim/base/libc_functions.h"
#include "shim/base/thread_mode.h"
#include "shim/base/upcalls.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/record/current_record.h"
#include "shim/record/thread_table.h"

namespace holdwatch {

// A program that has installed a system call filter before its first thread may not be allowed to create any.
void begin_watch_slow() {
  const Inside inside;
  if (!calls_ever_filtered()) kUpcalls.begin_watch();
}

OwnerRecord* first_record_slow() {
  OwnerRecord* record = register_thread_slow();
  if (record != nullptr && live_records() > 1 && g_clock_line.tick_ns.load(std::memory_order_relaxed) == kNoWatch)
    begin_watch_slow();
  return record;
}

void prepare_for_thread_slow(const pthread_attr_t* attributes) {
  const Inside inside;
  size_t stack_size = 0;
  const auto get_stack_size = libc().pthread_attr_getstacksize;  // null if libpthread was loaded later
  if (attributes != nullptr && get_stack_size != nullptr && get_stack_size(attributes, &stack_size) == 0)
    note_stack_size(stack_size);
  if (const SystemCallScope calls; !calls_filtered()) refill_records();
  pass_filters_on();
  kUpcalls.begin_watch();
  kUpcalls.await_loaded();
}

}  // namespace holdwatch
