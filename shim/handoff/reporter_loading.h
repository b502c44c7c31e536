// Whether the reporter is still inside the loader, where it loads the symbolizer: until it is out, it may wait for locks of the
// program's, and a fork would pass on the loader's.
// Cold context. The reporter says when; any thread may ask.
#pragma once

#include <cstdint>

namespace holdwatch {

// The reporter: it soon will be inside; it is out, or it never came to be.
void reporter_loading_begins();
void reporter_loading_ends();

// Whether the reporter is out of the loader, now or within `timeout_ns`.
bool wait_for_reporter_loaded(uint64_t timeout_ns);

}  // namespace holdwatch
