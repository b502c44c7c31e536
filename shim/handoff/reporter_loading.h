// Whether the reporter is still inside the loader, loading the symbolizer: until it has left it, it may wait for locks of the
// program, and a fork would copy the loader's lock while it is held.
// Cold context. Set by the reporter; read by any thread.
#pragma once

#include <cstdint>

namespace holdwatch {

// Reporter: it is about to enter; it has left, or its thread could not be started.
void reporter_loading_begins();
void reporter_loading_ends();

// Whether the reporter has left the loader, now or within `timeout_ns`.
bool wait_for_reporter_loaded(uint64_t timeout_ns);

}  // namespace holdwatch
