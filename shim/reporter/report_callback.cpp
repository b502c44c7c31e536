// See report_callback.h.
#include "shim/reporter/report_callback.h"

#include <atomic>

namespace holdwatch {
namespace {

struct Registration {
  ReportCallback callback;
  void* context;
};

// Two entries used in turn, so that the reporter never combines one registration's function with another's context,
// unless a program registers twice during one call.
Registration g_registrations[2];
std::atomic<unsigned> g_count{0};
std::atomic<bool> g_closed{false};

}  // namespace

void set_report_callback(ReportCallback callback, void* context) {
  const unsigned next = g_count.load(std::memory_order_relaxed) + 1;
  g_registrations[next % 2] = {callback, context};
  g_count.store(next, std::memory_order_release);
}

void close_report_callback() {
  g_closed.store(true, std::memory_order_release);
}

void call_report_callback(const char* text, const char* json) {
  const unsigned count = g_count.load(std::memory_order_acquire);
  if (count == 0 || g_closed.load(std::memory_order_acquire)) return;
  const Registration registration = g_registrations[count % 2];
  if (registration.callback != nullptr) registration.callback(text, json, registration.context);
}

}  // namespace holdwatch
