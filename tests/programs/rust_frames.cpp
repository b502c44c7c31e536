// Functions with the symbols of Rust's two mangling schemes: their names are demangled, without hashes, and the frames of
// Rust's own library are not called the C++ library's.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: 3 frames of the Rust library
// FORBID: C\+\+ library|[0-9a-f]{16}E
// EXPECT-JSON: functions(holder(over[0])["taken"])[:4] == ["chat::serve", "std::sys::backtrace::__rust_begin_short_backtrace",
//     "<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once",
//     "std::sys::pal::unix::thread::Thread::new::thread_start"]
#include "tests/programs/harness.h"
using namespace harness;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

OWN_FRAME int serve() __asm__("_RNvCs6xxl1lAjzDf_4chat5serve");
OWN_FRAME int short_backtrace() __asm__("_RNvNtNtCs1_3std3sys9backtrace28___rust_begin_short_backtrace");
OWN_FRAME int call_once() __asm__(
    "_ZN90_$LT$alloc..boxed..Box$LT$F$C$A$GT$$u20$as$u20$core..ops..function..FnOnce$LT$Args$GT$$GT$9call_once"
    "17h0123456789abcdefE");
OWN_FRAME void* thread_start(void*) __asm__("_ZN3std3sys3pal4unix6thread6Thread3new12thread_start17hfedcba9876543210E");

int serve() {
  pthread_mutex_lock(&lock);
  await_report("over");
  pthread_mutex_unlock(&lock);
  return 1;
}
int short_backtrace() {
  return serve() + 1;
}
int call_once() {
  return short_backtrace() + 1;
}
void* thread_start(void* argument) {
  return call_once() == 3 ? argument : nullptr;
}

int main() {
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, thread_start, nullptr) == 0);
  pthread_join(thread, nullptr);
}
