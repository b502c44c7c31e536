// When modules were unloaded (dlclose): whoever names an address of some time ago must know whether the same code is still
// there. The loader counts unloads too, but tells only while it has its lock.
// Any context. No allocation, no lock.
#pragma once

#include <cstdint>

namespace holdwatch {

// Notes the calling thread's dlclose for as long as this lives, whether it unloads anything or not.
class Unload {
 public:
  Unload();
  ~Unload();
  Unload(const Unload&) = delete;
  Unload& operator=(const Unload&) = delete;

 private:
  uint64_t number_;
};

// Whether a module may have been unloaded between these times, CLOCK_MONOTONIC. Of what was long ago it says yes.
bool unloaded_between(uint64_t from_ns, uint64_t until_ns);

// In the child after fork: other threads' unloads are never finished.
void unloads_after_fork();

}  // namespace holdwatch
