// What the library's lifecycle provides, for tests of what is below it: nothing is watched, and threads are libc's.
#include "shim/base/upcalls.h"

namespace holdwatch {

constinit const Upcalls kUpcalls = {
    .begin_watch = [] {},
    .await_loaded = [] {},
    .before_filter = [](FilterScope) { return false; },
    .create_thread = [](pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                        void* argument) { return pthread_create(thread, attributes, run, argument); },
    .begin_attachment = [](const char* const*, char*, unsigned long) { return false; },
    .end_attachment = [] {},
    .detach = [] {},
    .before_exit = [] {},
};

}  // namespace holdwatch
