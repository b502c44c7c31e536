// Gives each of a few threads a processor of its own. The scheduler may take a while to find out that two threads are busy,
// and threads that take turns on one processor do not contend.
#pragma once

#include <sched.h>

#include <cstddef>

// What the process may run on, as it was before anything was pinned: threads inherit it from who makes them.
inline const cpu_set_t& allowed_processors() {
  static const cpu_set_t allowed = [] {
    cpu_set_t found;
    CPU_ZERO(&found);
    sched_getaffinity(0, sizeof(found), &found);
    return found;
  }();
  return allowed;
}

// The calling thread runs on the `index`th of them, counted round.
inline void pin_to(size_t index) {
  const cpu_set_t& allowed = allowed_processors();
  if (CPU_COUNT(&allowed) == 0) return;
  index %= static_cast<size_t>(CPU_COUNT(&allowed));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &allowed) && index-- == 0) CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof(one), &one);
}
