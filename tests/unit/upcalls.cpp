// What the library's lifecycle provides, for tests of what is below it: nothing is watched, and threads are libc's.
#include "shim/base/upcalls.h"

#include "shim/inspection/mailbox.h"
#include "tests/unit/upcalls.h"

namespace holdwatch {

std::atomic<OnArrival> g_on_arrival{mailbox_answer};

constinit const Upcalls kUpcalls = {
    .begin_watch = [] {},
    .await_loaded = [] {},
    .before_filter = [](FilterScope) { return false; },
    .create_thread = [](pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                        void* argument) { return pthread_create(thread, attributes, run, argument); },
    .begin_attachment = [](const char* const*, char*, unsigned long) { return false; },
    .end_attachment = [] {},
    .detach = [] {},
    .sampling_signal_arrived = [](uint32_t value, ucontext_t* context) { g_on_arrival.load()(value, context); },
    .before_exit = [] {},
};

}  // namespace holdwatch
