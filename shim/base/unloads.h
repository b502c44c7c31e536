// When modules were unloaded (dlclose): to name an address of some time ago, one must know whether the same code is still
// there. The loader counts unloads too, but its counter can be read only under its lock.
// Any context. No allocation, no lock.
#pragma once

#include <cstdint>

namespace holdwatch {

// Notes the calling thread's dlclose during this object's lifetime, whether it unloads anything or not.
class Unload {
 public:
  Unload();
  ~Unload();
  Unload(const Unload&) = delete;
  Unload& operator=(const Unload&) = delete;

 private:
  uint64_t number_;
};

// Whether a module may have been unloaded between these times, CLOCK_MONOTONIC. True for times long ago.
bool unloaded_between(uint64_t from_ns, uint64_t until_ns);

// In the child after fork: other threads' unloads are never finished.
void unloads_after_fork();

}  // namespace holdwatch
