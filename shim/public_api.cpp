// The functions of holdwatch.h, as seen from inside: each hands over to the part that does it.
// Any thread of the program, also with locks held: none of them blocks or allocates.
#include <cstdint>

#include "shim/record/current_record.h"
#include "shim/record/lock_registry.h"
#include "shim/reporter/report_callback.h"
#include "shim/watch/watcher.h"

#define PUBLIC extern "C" [[gnu::visibility("default")]]

using namespace holdwatch;

PUBLIC void holdwatch_name_lock(const void* lock, const char* name) {
  if (lock != nullptr) set_lock_name(reinterpret_cast<uintptr_t>(lock), name == nullptr ? "" : name);
}

PUBLIC void holdwatch_set_limit(const void* lock, uint64_t limit_ns) {
  if (lock == nullptr) return;
  set_lock_limit_ns(reinterpret_cast<uintptr_t>(lock), limit_ns);
  watcher_limits_changed();
}

PUBLIC void holdwatch_on_report(ReportCallback callback, void* context) {
  set_report_callback(callback, context);
}

PUBLIC void holdwatch_pause() {
  pause_thread();
}

PUBLIC void holdwatch_resume() {
  resume_thread();
}

PUBLIC void holdwatch_snapshot() {
  watcher_snapshot();
}
